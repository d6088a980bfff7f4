-- SPDX-License-Identifier: BSD-3-Clause
-- An application in Lua: acknowledges the request on its standard input. llpcat takes requests over ILLP and runs it:
-- llpcat -l 6001 --exec 'lua5.4 application.lua'
local msh = assert(io.read('*a'):match('^MSH[^\r\n]+'), 'not HL7') -- an error refuses the request
local fields = {}
for field in (msh .. '|'):gmatch('([^|]*)|') do fields[#fields + 1] = field end
local function f(n) return fields[n] or '' end
io.write(table.concat({'MSH', f(2), f(5), f(6), f(3), f(4), '', '', 'ACK', f(10), 'P', f(12)}, '|'), '\r')
io.write('MSA|AA|', f(10), '\r')
