-- SPDX-License-Identifier: BSD-3-Clause
-- require 'iguana': the little of Iguana's environment that scripts around llp use, for running them elsewhere. It
-- becomes the global `iguana` unless there is one. Log lines go to standard error.

local iguana = {}

--- Test mode: LLP_SIMULATE=1 in the environment.
function iguana.isTest()
   return os.getenv('LLP_SIMULATE') == '1'
end

local function logger(level)
   return function(text)
      io.stderr:write(level, ': ', tostring(text), '\n')
   end
end

iguana.logDebug = logger('debug')
iguana.logInfo = logger('info')
iguana.logWarning = logger('warning')
iguana.logError = logger('error')

--- There is no channel here that could be stopped.
function iguana.stopOnError() end

if rawget(_G, 'iguana') == nil then rawset(_G, 'iguana', iguana) end
return iguana
