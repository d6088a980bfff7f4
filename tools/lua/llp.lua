-- SPDX-License-Identifier: BSD-3-Clause
-- require 'llp': a client for HL7 over the minimal lower layer protocol, with the interface of Iguana's module of
-- that name. See llp-lua(3), or print(llp.help()).

local llp = {}

local HELP = [[
Connects to a remote LLP host.

   local llp = require 'llp'
   local s = llp.connect{host='lab', port=2575}     -- or llp{host='lab', port=2575}
   s:send(message)                -- returns the bytes sent, framing included
   local ack, lost = s:recv()     -- the next message; bytes that came before it and belong to none, usually ''
   s:close()

connect takes a table with these entries:
   host      name or address of the remote host (required)
   port      its port, 1 to 65535 (required)
   timeout   seconds that each operation may take, fractions allowed (default 5)
   live      true: connect even in test mode, where else a simulator answers
   protocol  'mllp' (default), 'mllp2', 'hllp' or 'illp'

recv returns nil and '' when the remote host has closed the connection. Everything else that goes wrong, a timeout
too, is raised as an error: use pcall, then close the connection and make a new one.

In test mode (iguana.isTest() is true, or the environment has LLP_SIMULATE=1) nothing touches the network: the
simulator accepts HL7 messages and gives one positive acknowledgement for each.
]]

local DEFAULT_TIMEOUT = 5

--- The text above.
function llp.help()
   return HELP
end

---- Simulation ----

-- The fields of the header segment; MSH-n is fields[n].
local function header(message)
   local segment = message:match('^MSH[^\r\n]+')
   if not segment then return nil end
   local separator = segment:sub(4, 4)
   local fields = {separator}
   local from = 5
   while from do
      local at = segment:find(separator, from, true)
      fields[#fields + 1] = segment:sub(from, at and at - 1)
      from = at and at + 1
   end
   return fields
end

local function acknowledgement(msh)
   local separator = msh[1]
   local function field(n) return msh[n] or '' end
   return table.concat({'MSH', field(2), field(5), field(6), field(3), field(4), '', '', 'ACK', field(10), 'P',
                        field(12)}, separator) .. '\r' ..
          table.concat({'MSA', 'AA', field(10)}, separator) .. '\r'
end

local Simulated = {}
Simulated.__index = Simulated

function Simulated:send(message)
   if not self.connected then error('not connected', 2) end
   if type(message) ~= 'string' then error('the message should be a string', 2) end
   local msh = header(message)
   if not msh then error('the simulator accepts HL7 messages: this one does not begin with MSH', 2) end
   self.acks[#self.acks + 1] = acknowledgement(msh)
   return #message + 3
end

function Simulated:recv()
   if not self.connected then error('not connected', 2) end
   if #self.acks == 0 then error('timeout', 2) end
   return table.remove(self.acks, 1), ''
end

function Simulated:close()
   self.connected = false
end

---- Connections ----

local Connection = {}
Connection.__index = Connection

function Connection:send(message)
   if type(message) ~= 'string' then error('the message should be a string', 2) end
   local sent, why = self.core:send(message)
   if not sent then error(why, 2) end
   return sent
end

function Connection:recv()
   local message, rest = self.core:recv()
   if message == false then error(rest, 2) end
   return message, rest
end

function Connection:close()
   self.core:close()
end

---- Arguments ----

local function check(args, key, kind, required, level)
   local value = args[key]
   if value == nil and required then
      error("Parameter '" .. key .. "' is required.\n" .. HELP, level)
   end
   if value ~= nil and type(value) ~= kind then
      error("Parameter '" .. key .. "' should be a " .. kind .. '.\n' .. HELP, level)
   end
end

local function simulating()
   if os.getenv('LLP_SIMULATE') == '1' then return true end
   local host = rawget(_G, 'iguana') or require 'iguana'
   return type(host.isTest) == 'function' and host.isTest() == true
end

-- `level` is that of whoever called the module, seen from here.
local function open(args, level)
   if args == nil then error(HELP, level) end
   if type(args) ~= 'table' then error('Parameter 1 is not a table.\n' .. HELP, level) end
   check(args, 'host', 'string', true, level + 1)
   check(args, 'port', 'number', true, level + 1)
   check(args, 'timeout', 'number', false, level + 1)
   check(args, 'live', 'boolean', false, level + 1)
   check(args, 'protocol', 'string', false, level + 1)
   if not args.live and simulating() then
      return setmetatable({connected = true, acks = {}}, Simulated)
   end
   local core, why = require('llp.core').connect(args.host, args.port, args.timeout or DEFAULT_TIMEOUT,
                                                 args.protocol or 'mllp')
   if not core then error(why, level) end
   return setmetatable({core = core}, Connection)
end

--- llp.connect{host=, port=, timeout=, live=, protocol=}; llp{...} is the same. See llp.help().
-- The parentheses keep this frame, so that errors name the caller's line.
function llp.connect(args)
   return (open(args, 3))
end

return setmetatable(llp, {__call = function(_, args) return (open(args, 3)) end})
