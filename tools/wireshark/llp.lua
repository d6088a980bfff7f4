-- SPDX-License-Identifier: BSD-3-Clause
-- Wireshark's view of lines to laboratory instruments: recordings of
-- `llpctl capture` (docs/captures.md), with X3.28, HLLP and MLLP on them. A frame
-- may be spread over packets; it is shown in the one that ends it. Messages are
-- handed to the HL7 dissector.
--
-- Put it where Help, About, Folders says "Global Lua Plugins" or "Personal Lua
-- Plugins"; `make install` does.

local KINDS = { [0] = "bytes", [1] = "message", [2] = "line up", [3] = "line down" }
local PROTOCOLS = { [0] = "unknown", [1] = "X3.28", [2] = "HLLP", [3] = "MLLP 1", [4] = "MLLP 2" }
local FLAGS = { [1] = "break", [2] = "framing error", [3] = "parity error", [4] = "overrun" }
local X328, HLLP, MLLP1, MLLP2 = 1, 2, 3, 4
local SOH, STX, ETX, EOT, ENQ, ACK, VT, CR, DLE, NAK, ETB, FS =
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0b, 0x0d, 0x10, 0x15, 0x17, 0x1c
-- What was begun and not ended for so long (seconds) is over.
local SILENCE = 60
-- Bytes of a frame, or of a message over several blocks, that are kept.
local KEPT_MAX = 64 * 1024 * 1024

local llp = Proto("llp", "Laboratory line")
local f = {
  version = ProtoField.uint8("llp.version", "Version"),
  kind = ProtoField.uint8("llp.kind", "Kind", base.DEC, KINDS),
  out = ProtoField.bool("llp.out", "Sent by this end"),
  partial = ProtoField.bool("llp.partial", "The message goes on in the next packet"),
  protocol = ProtoField.uint8("llp.protocol", "Protocol", base.DEC, PROTOCOLS),
  marks = ProtoField.uint16("llp.marks", "Marks"),
  mark = ProtoField.uint16("llp.mark", "Byte"),
  flag = ProtoField.uint8("llp.flag", "What the line says of it", base.DEC, FLAGS),
  words = ProtoField.string("llp.words", "In words"),
  frame = ProtoField.string("llp.frame", "Frame"),
  again = ProtoField.bool("llp.again", "Sent again"),
  message = ProtoField.bytes("llp.message", "Message"),
  packets = ProtoField.uint32("llp.packets", "Packets that it came in"),
}
llp.fields = f
local ex = {
  nak = ProtoExpert.new("llp.nak", "Refused", expert.group.RESPONSE_CODE, expert.severity.WARN),
  check = ProtoExpert.new("llp.check", "Bad check", expert.group.CHECKSUM, expert.severity.ERROR),
  format = ProtoExpert.new("llp.format", "Not as it must be", expert.group.MALFORMED, expert.severity.ERROR),
  line = ProtoExpert.new("llp.line_error", "Damaged on the line", expert.group.MALFORMED, expert.severity.WARN),
  again = ProtoExpert.new("llp.repeat", "Sent again", expert.group.SEQUENCE, expert.severity.NOTE),
  garbage = ProtoExpert.new("llp.garbage", "Belongs to no frame", expert.group.UNDECODED, expert.severity.WARN),
  cut = ProtoExpert.new("llp.incomplete", "Incomplete", expert.group.MALFORMED, expert.severity.WARN),
  abort = ProtoExpert.new("llp.abort", "The sender took the block back", expert.group.SEQUENCE, expert.severity.NOTE),
  down = ProtoExpert.new("llp.down", "The line is gone", expert.group.SEQUENCE, expert.severity.NOTE),
}
llp.experts = { ex.nak, ex.check, ex.format, ex.line, ex.again, ex.garbage, ex.cut, ex.abort, ex.down }

local x328 = Proto("x328", "ANSI X3.28")
local fx = {
  sequence = ProtoField.string("x328.sequence", "Sequence"),
  heading = ProtoField.bytes("x328.heading", "Heading"),
  blk = ProtoField.string("x328.blk", "Block number"),
  length = ProtoField.string("x328.length", "Text length"),
  text = ProtoField.bytes("x328.text", "Text"),
  last = ProtoField.bool("x328.last", "Last block (ETX)"),
  bcc = ProtoField.string("x328.bcc", "Block check"),
  bcc_good = ProtoField.bool("x328.bcc.good", "Block check is good"),
}
x328.fields = fx

local hllp = Proto("hllp", "Hybrid LLP")
local fh = {
  type = ProtoField.string("hllp.type", "Block type"),
  version = ProtoField.string("hllp.version", "Version"),
  reason = ProtoField.string("hllp.reason", "Reason of the refusal"),
  data = ProtoField.bytes("hllp.data", "Data"),
  count = ProtoField.string("hllp.count", "Character count"),
  count_good = ProtoField.bool("hllp.count.good", "Character count is good"),
  check = ProtoField.string("hllp.check", "Checksum"),
  check_good = ProtoField.bool("hllp.check.good", "Checksum is good"),
}
hllp.fields = fh

local mllp = Proto("mllp", "Minimal LLP")
local fm = {
  type = ProtoField.string("mllp.type", "Block type"),
  data = ProtoField.bytes("mllp.data", "Data"),
}
mllp.fields = fm

-- Wireshark's HL7 dissector has no name of its own; it is that of a port. Looked
-- for when it is needed: all dissectors are there then.
local function hl7_dissector()
  local found, table_ = pcall(DissectorTable.get, "tcp.port")
  local dissector = found and table_ and table_:get_dissector(2575)
  return dissector and tostring(dissector):lower():find("hl7") and dissector or nil
end

local drop_count, interface_id = Field.new("frame.drop_count"), Field.new("frame.interface_id")
local has_sections, section_number = pcall(Field.new, "frame.section_number")
if not has_sections then section_number = nil end

-- ---- frames ----
--
-- A parser looks at `s` from `at` on and returns a frame, {size =, name =, ...},
-- or nothing: more must come. Frames have
--   name    "ACK1", "block 1, 17 bytes, last": as ladders have it
--   bad     nil, or "check", "format", "length", "incomplete"
--   text    of a good block, with `last` if it ends a message
--   refusal of NAKs; garbage; fields: what is shown, {field, from, size, value}

local function bytes_word(n) return n .. (n == 1 and " byte" or " bytes") end

local function garbage(size)
  return { size = size, name = "garbage, " .. bytes_word(size), garbage = true, fields = {} }
end

local function xor_of(s)
  local x = 0
  for i = 1, #s do x = bit32.bxor(x, s:byte(i)) end
  return x
end

-- The check as the ways of peers with characters from 80 hex on have it.
local function bcc_is(value, covered)
  local x = xor_of(covered)
  return value == x or value == bit32.band(x, 0x7f) or (x >= 0x80 and value == 0)
end

local function x328_block(s, at)
  local stx = s:byte(at) == STX and at or nil
  local i = at + 1
  while true do
    local c = s:byte(i)
    if not c then return nil end
    if c == STX and not stx then
      stx = i
    elseif c == STX or c == EOT or c == SOH then
      local size = stx and math.max(0, i - stx - 7) or 0
      return { size = i - at, name = "block, " .. bytes_word(size), bad = "incomplete", fields = {} }
    elseif c == ENQ then
      local size = stx and math.max(0, i - stx - 7) or 0
      local n = s:byte(i + 1) == CR and 2 or 1
      return { size = i - at + n, name = "block abort, " .. bytes_word(size), abort = true, fields = {} }
    elseif stx and (c == ETX or c == ETB) then
      break
    end
    i = i + 1
  end
  if #s < i + 2 then return nil end
  local body = s:sub(stx + 1, i - 1)
  local number, length, text = body:match("^([0-7])(%d%d%d%d%d)(.*)$")
  local bcc = s:sub(i + 1, i + 2)
  local value = bcc:match("^%x%x$") and tonumber(bcc, 16)
  local covered = s:sub(stx + 1, i)
  local good = value and (bcc_is(value, covered) or stx > at and bcc_is(value, s:sub(at + 1, i))) or false
  local frame = { size = i + 3 - at, good_check = good, last = s:byte(i) == ETX, number = number, fields = {} }
  if s:byte(i + 3) == CR then frame.size = frame.size + 1 end
  local function show(field, from, size, value_)
    table.insert(frame.fields, { field, from - at, size, value_ })
  end
  if stx > at then show(fx.heading, at + 1, stx - at - 1) end
  if not number then
    frame.bad = "format"
    text = body:sub(7)
  else
    show(fx.blk, stx + 1, 1, number)
    show(fx.length, stx + 2, 5, length)
    if not value then frame.bad = "format"
    elseif not good then frame.bad = "check"
    elseif tonumber(length) ~= #text then frame.bad = "length" end
  end
  if #text > 0 then show(fx.text, stx + 7, #text) end
  show(fx.last, i, 1, frame.last)
  show(fx.bcc, i + 1, 2, bcc)
  show(fx.bcc_good, i + 1, 2, good)
  frame.name = string.format("block%s, %s%s", number and " " .. number or "", bytes_word(#text),
    frame.last and ", last" or "")
  if not frame.bad then frame.text = text end
  return frame
end

local SEQUENCES = { [ENQ] = "ENQ", [EOT] = "EOT", [NAK] = "NAK", [ACK] = "ACK" }

local function parse_x328(s, at)
  local c = s:byte(at)
  if c == STX or c == SOH then return x328_block(s, at) end
  local name, size = SEQUENCES[c], 1
  if c == DLE then
    local d = s:byte(at + 1)
    if not d then return nil end
    size = 2
    if d >= 0x30 and d <= 0x37 then name = "ACK" .. string.char(d)
    elseif d == 0x3c then name = "RINT"
    else size = 1 end
  end
  if name then
    if s:byte(at + size) == CR then size = size + 1 end
    return { size = size, name = name, sequence = name, refusal = name == "NAK",
      fields = { { fx.sequence, 0, size, name } } }
  end
  if c == CR then return { size = 1, skip = true } end
  local stop = s:find("[\1\2\4\5\6\16\21]", at + 1) or #s + 1
  return garbage(stop - at)
end

local function parse_hllp(s, at)
  if s:byte(at) ~= VT then
    local stop = s:find("\11", at, true) or #s + 1
    return garbage(stop - at)
  end
  local eb = s:find("\28", at, true)
  local again = s:find("\11", at + 1, true)
  if again and (not eb or again < eb) then
    local letter = s:sub(at + 1, at + 1) == "N" and "N" or "D"
    return { size = again - at, name = letter .. " block, " .. bytes_word(math.max(0, again - at - 5)),
      bad = "incomplete", fields = {} }
  end
  if not eb or #s == eb then return nil end
  local size = eb - at + (s:byte(eb + 1) == CR and 2 or 1)
  local letter, version, data, count, check = s:sub(at, eb - 1):match("^\11(%u)(%d%d)\r(.*)(%d%d%d%d%d)(%d%d%d)$")
  if not letter then
    return { size = size, name = "D block, " .. bytes_word(math.max(0, eb - at - 13)), bad = "format", fields = {} }
  end
  local function sum_is(covered)
    local sum = 0
    for i = 1, #covered do sum = (sum + covered:byte(i)) % 256 end
    return tonumber(check) == sum or tonumber(check) == xor_of(covered)
  end
  local before = s:sub(at, eb - 9)
  local count_good = tonumber(count) == #data + 5
  local check_good = check == "999" or sum_is(before) or sum_is(before .. count)
  local frame = { size = size, good_check = check_good, refusal = letter == "N", fields = {
    { fh.type, 1, 1, letter }, { fh.version, 2, 2, version }, { fh.count, eb - at - 8, 5, count },
    { fh.count_good, eb - at - 8, 5, count_good }, { fh.check, eb - at - 3, 3, check },
    { fh.check_good, eb - at - 3, 3, check_good } } }
  local bad = not (letter == "D" or letter == "N") and "format" or not count_good and "length" or
    not check_good and "check" or nil
  if letter == "N" then
    frame.name = "N block " .. data:sub(1, 1)
    table.insert(frame.fields, { fh.reason, 5, #data, data })
  else
    -- Of a bad one it is not known where the data end.
    frame.name = "D block, " .. bytes_word(#data + (bad and 8 or 0))
    if #data > 0 then table.insert(frame.fields, { fh.data, 5, #data }) end
  end
  frame.bad = bad
  if letter == "D" and not bad then frame.text, frame.last = data, true end
  return frame
end

local function parse_mllp(s, at, protocol)
  if s:byte(at) ~= VT then
    -- What some peers put between blocks.
    local blank = s:match("^[\r\n%z]+", at)
    if blank then return { size = #blank, skip = true } end
    local stop = s:find("\11", at, true) or #s + 1
    return garbage(stop - at)
  end
  local from = at + 1
  while true do
    local eb = s:find("[\11\28]", from)
    if not eb then return nil end
    if s:byte(eb) == VT then
      return { size = eb - at, name = "data block, " .. bytes_word(eb - at - 1), bad = "incomplete", fields = {} }
    end
    local after = s:byte(eb + 1)
    if not after then return nil end
    if after == CR or after == VT then
      local data = s:sub(at + 1, eb - 1)
      local size = eb - at + (after == CR and 2 or 1)
      local commit = protocol == MLLP2 and (data == "\6" and "ACK" or data == "\21" and "NAK")
      if commit then
        return { size = size, name = "commit " .. commit, refusal = commit == "NAK",
          fields = { { fm.type, 1, 1, "commit " .. commit } } }
      end
      local frame = { size = size, name = "data block, " .. bytes_word(#data), text = data, last = true,
        fields = { { fm.type, 0, size, "data" } } }
      if #data > 0 then table.insert(frame.fields, { fm.data, 1, #data }) end
      return frame
    end
    from = eb + 1
  end
end

local PARSERS = { [X328] = parse_x328, [HLLP] = parse_hllp, [MLLP1] = parse_mllp, [MLLP2] = parse_mllp }
local PROTOS = { [X328] = x328, [HLLP] = hllp, [MLLP1] = mllp, [MLLP2] = mllp }

-- ---- what came before ----

local lines     -- of each line in the file, for each direction: what was begun, and what was seen last
local results   -- of each packet: its frames, found when it was seen first

local function new_way() return { pending = "", packets = 0, message = "", last_time = 0 } end
local function new_line() return { [true] = new_way(), [false] = new_way() } end

function llp.init() results, lines = {}, {} end

-- Files that were merged have a line in each section or interface.
local function line_of_packet()
  local section, interface = section_number and section_number(), interface_id()
  return tostring(section) .. "/" .. tostring(interface)
end

local function end_series(ways)
  for _, way in pairs(ways) do way.message, way.block, way.number, way.bad_before = "", nil, nil, nil end
end

-- Whether the same block comes once more; and what it adds to its message.
local function follow(ways, way, frame, raw, protocol)
  if protocol == X328 then
    local sequence = frame.sequence
    if sequence == "ENQ" then
      frame.again = way.bid
      way.bid = true
    else
      way.bid = false
    end
    if sequence == "EOT" then end_series(ways) end
    if not frame.number then return end
    frame.again = way.block == raw or way.number == frame.number and (way.bad_before or frame.bad) and true or false
    local taken = way.taken == frame.number and way.block ~= nil
    way.block, way.number, way.bad_before = raw, frame.number, frame.bad ~= nil
    if not frame.text then return end
    if not (taken and frame.again) then way.message = way.message .. frame.text end
    way.taken = frame.number
    if #way.message > KEPT_MAX then way.message = "" end
    if frame.last then
      frame.message = way.message
      way.message = ""
    end
  elseif frame.text then
    frame.again = way.block == raw
    way.block = raw
    frame.message = frame.text
  end
end

local function frames_of(ways, data, out, protocol, time)
  local parse = PARSERS[protocol]
  local way = ways[out]
  local found = {}
  if not parse then return found end
  if way.pending ~= "" and time - way.last_time > SILENCE then
    table.insert(found, { size = 0, name = "silence", cut = #way.pending, fields = {} })
    way.pending = ""
  end
  way.last_time = time
  local before = #way.pending
  local s = way.pending .. data
  way.packets = before > 0 and way.packets + 1 or 1
  local at = 1
  while at <= #s do
    local frame = parse(s, at, protocol)
    if not frame or frame.size == 0 then break end
    if not frame.skip then
      local raw = s:sub(at, at + frame.size - 1)
      follow(ways, way, frame, raw, protocol)
      frame.offset = at - 1 - before
      if frame.offset < 0 then
        frame.raw = raw
        frame.packets = way.packets
      end
      table.insert(found, frame)
    end
    at = at + frame.size
    way.packets = 1
  end
  way.pending = s:sub(at)
  if #way.pending > KEPT_MAX then way.pending = "" end
  if way.pending == "" then way.packets = 0 end
  return found
end

-- ---- the tree ----

local WORDS = { check = "bad check", format = "bad format", length = "bad length", incomplete = "incomplete" }

local function words_of(frame)
  return frame.name .. (frame.again and ", again" or "") .. (frame.bad and ": " .. WORDS[frame.bad] or "")
end

local function hand_on(message, pinfo, root)
  local tvb = ByteArray.new(message, true):tvb("Message")
  root:add(f.message, tvb())
  local hl7 = hl7_dissector()
  -- It takes messages as they are over TCP, in a block of MLLP, and those without
  -- a message type (MSH-9) for malformed.
  local head = message:match("^MSH|[^\r]*")
  if not hl7 or not head or select(2, head:gsub("|", "")) < 8 then return end
  hl7:call(ByteArray.new("\11" .. message .. "\28\r", true):tvb("HL7 message"), pinfo, root)
end

local function show_frame(frame, tvb, pinfo, root, protocol)
  local range = frame.raw and ByteArray.new(frame.raw, true):tvb("Frame over packets")() or tvb(frame.offset, frame.size)
  local tree = root:add(PROTOS[protocol], range, PROTOS[protocol].description .. ", " .. words_of(frame))
  tree:add(f.frame, range, words_of(frame))
  if frame.packets then tree:add(f.packets, frame.packets):set_generated() end
  for _, shown in ipairs(frame.fields) do
    local part = range(shown[2], shown[3])
    if shown[4] ~= nil then tree:add(shown[1], part, shown[4]) else tree:add(shown[1], part) end
  end
  if frame.again then
    tree:add(f.again, true):set_generated()
    tree:add_proto_expert_info(ex.again)
  end
  if frame.refusal then tree:add_proto_expert_info(ex.nak, frame.name) end
  if frame.garbage then tree:add_proto_expert_info(ex.garbage) end
  if frame.abort then tree:add_proto_expert_info(ex.abort) end
  if frame.bad == "check" then tree:add_proto_expert_info(ex.check) end
  if frame.bad == "format" or frame.bad == "length" then tree:add_proto_expert_info(ex.format, WORDS[frame.bad]) end
  if frame.bad == "incomplete" then tree:add_proto_expert_info(ex.cut) end
  if frame.message and not frame.again then hand_on(frame.message, pinfo, root) end
end

function llp.dissector(tvb, pinfo, root)
  if tvb:captured_len() < 8 then return 0 end
  local length, marks = tvb(4, 2):uint(), tvb(6, 2):uint()
  if tvb(0, 1):uint() ~= 1 or length < 8 + 4 * marks or length > tvb:captured_len() then return 0 end
  local kind, bits, protocol = tvb(1, 1):uint(), tvb(2, 1):uint(), tvb(3, 1):uint()
  local out = bit32.band(bits, 1) ~= 0
  pinfo.cols.protocol = PROTOCOLS[protocol] or "LLP"
  pinfo.cols.src = out and "this end" or "the other end"
  pinfo.cols.dst = out and "the other end" or "this end"

  local tree = root:add(llp, tvb(0, length), string.format("Laboratory line, %s, %s",
    out and "sent" or "received", KINDS[kind] or "?"))
  tree:add(f.version, tvb(0, 1))
  tree:add(f.kind, tvb(1, 1))
  tree:add(f.out, tvb(2, 1), out)
  if bit32.band(bits, 2) ~= 0 then tree:add(f.partial, tvb(2, 1), true) end
  tree:add(f.protocol, tvb(3, 1))
  tree:add(f.marks, tvb(6, 2))
  for i = 1, marks do
    local at = 4 + 4 * i
    local mark = tree:add(f.mark, tvb(at, 2))
    mark:add(f.flag, tvb(at + 2, 1))
    mark:add_proto_expert_info(ex.line, FLAGS[tvb(at + 2, 1):uint()] or "?")
  end
  local payload = tvb:captured_len() > length and tvb(length):tvb() or nil
  local data = payload and payload:raw() or ""

  if kind == 2 or kind == 3 then
    local words = KINDS[kind] .. (data ~= "" and ": " .. data or "")
    if payload then tree:add(f.words, payload(), words) end
    pinfo.cols.info = words
    if kind == 3 then tree:add_proto_expert_info(ex.down) end
    if not pinfo.visited then lines[line_of_packet()] = nil end
    return tvb:captured_len()
  end

  if not pinfo.visited then
    local dropped, line = drop_count(), line_of_packet()
    if not lines[line] or dropped and tonumber(tostring(dropped)) > 0 then lines[line] = new_line() end
    local ways = lines[line]
    if kind == 0 then
      results[pinfo.number] = frames_of(ways, data, out, protocol, pinfo.rel_ts)
    else
      local way = ways[out]
      way.message = way.message .. data
      if bit32.band(bits, 2) == 0 then
        results[pinfo.number] = { { whole = way.message } }
        way.message = ""
      end
    end
  end

  local info = {}
  for _, frame in ipairs(results[pinfo.number] or {}) do
    if frame.whole then
      table.insert(info, "message, " .. bytes_word(#frame.whole))
      tree:add(f.frame, info[#info])
      hand_on(frame.whole, pinfo, root)
    elseif frame.cut then
      tree:add_proto_expert_info(ex.cut, bytes_word(frame.cut) .. " before were never ended")
    else
      table.insert(info, words_of(frame))
      show_frame(frame, payload, pinfo, root, protocol)
    end
  end
  if #info == 0 and payload then
    table.insert(info, "part of a frame, " .. bytes_word(#data))
    root:add(PROTOS[protocol] or llp, payload(), info[1])
  end
  pinfo.cols.info = table.concat(info, "; ")
  pinfo.cols.protocol = PROTOCOLS[protocol] or "LLP"
  return tvb:captured_len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, llp)
