-- SPDX-License-Identifier: BSD-3-Clause
-- The script of the module's manual, llp-lua(3): one connection for all messages, made when it is needed and again
-- after an error. Run as: keep_connection.lua HOST PORT FILE...; writes an acknowledgement or "failed" for each.
local llp = require 'llp'
require 'iguana'

local HOST, PORT = arg[1], tonumber(arg[2])
local connection -- kept between messages

local function sendAndReceive(message)
   if not connection then
      connection = llp.connect{host = HOST, port = PORT, timeout = tonumber(os.getenv('LLP_TIMEOUT')) or 5}
   end
   connection:send(message)
   local ack, lost = connection:recv()
   if not ack then error('the connection was closed') end
   if lost ~= '' then iguana.logWarning('lost data: ' .. lost) end
   return ack
end

local function main(message)
   local ok, result = pcall(sendAndReceive, message)
   if not ok then
      iguana.logError(result)
      if connection then connection:close() end
      connection = nil -- the next message makes a new one
      return nil
   end
   return result
end

for i = 3, #arg do
   local file = assert(io.open(arg[i], 'rb'))
   local ack = main(file:read('*a'))
   file:close()
   io.write(ack and ack:gsub('\r', '\n') or 'failed\n')
   io.flush()
end
if connection then connection:close() end
