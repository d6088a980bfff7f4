// SPDX-License-Identifier: BSD-3-Clause
// The part of the Lua module that is libllp: connections. What people see is llp.lua.
#pragma once

struct lua_State;

// require 'llp.core': a table with
//   connect(host, port, timeout, protocol)  a connection, or nil and why not
// and of connections
//   :send(message)  bytes sent, or nil and why not
//   :recv()         message and lost data; at the other end's close nil and lost data; or false and why not
//   :close()        any number of times; after it, calls say "not connected"
// `timeout` is seconds, 0.001 to 86,400; `protocol` a word of parse_protocol(). No function raises an error
// but for arguments of the wrong type.
extern "C" int luaopen_llp_core(lua_State* state);
