-- SPDX-License-Identifier: BSD-3-Clause
-- A client in Lua: sends the message in a file to an MLLP port and shows the acknowledgement.
-- lua5.4 client.lua lab 2575 order.hl7
local llp = require 'llp'
local s = llp.connect{host = arg[1], port = tonumber(arg[2])}
s:send(io.open(arg[3], 'rb'):read('a'))
local ack = s:recv() or error('the connection was closed without an acknowledgement')
s:close()
print((ack:gsub('\r', '\n')))
