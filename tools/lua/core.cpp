// SPDX-License-Identifier: BSD-3-Clause
// Lua raises errors by longjmp, past C++ destructors: while objects that own something live, nothing here
// calls what may raise but for want of memory.
#include "lua/core.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <llp/client.hpp>
#include <memory>
#include <new>
#include <string>
#include <utility>

extern "C" {
#include <lauxlib.h>
#include <lua.h>
}

namespace {

using llp::Client;

constexpr const char* kType = "llp.connection";

// The userdata: a client, or nullptr once it is closed.
Client*& client_at(lua_State* state, int index) {
  return *static_cast<Client**>(luaL_checkudata(state, index, kType));
}

std::string reason(const llp::Error& error) {
  return error.code == llp::Errc::timeout ? "timeout: " + error.message : error.message;
}

void push(lua_State* state, const llp::Bytes& bytes) {
  lua_pushlstring(state, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

int failed(lua_State* state, bool nil, const std::string& why) {
  if (nil) {
    lua_pushnil(state);
  } else {
    lua_pushboolean(state, 0);
  }
  lua_pushlstring(state, why.data(), why.size());
  return 2;
}

// No C++ exception may reach Lua.
template <class F>
int guarded(lua_State* state, bool nil, F body) {
  try {
    return body();
  } catch (const std::exception& e) {
    return failed(state, nil, e.what());
  }
}

llp::Result<Client> connect_to(const char* host, double port, double timeout, const char* word) {
  auto protocol = llp::parse_protocol(word);
  if (!protocol) return std::unexpected(std::move(protocol.error()));
  llp::ClientOptions options;
  options.protocol = *protocol;
  if (!(timeout >= 0.001 && timeout <= 86400)) {
    return llp::fail(llp::Errc::invalid, "the timeout should be from 0.001 to 86400 seconds");
  }
  options.timeout = std::chrono::milliseconds(static_cast<long>(timeout * 1000));
  // The ways of the client whose interface this is: bytes before VT are lost data, only FS CR ends a message,
  // and VT inside one is data.
  if (*protocol == llp::Protocol::mllp) options.settings = {"eb=pair", "vt=data"};
  if (!(port >= 1 && port <= 65535) || port != static_cast<double>(static_cast<int>(port))) {
    return llp::fail(llp::Errc::invalid, "the port should be a whole number from 1 to 65535");
  }
  llp::Address address;
  address.host = host;
  address.service = std::to_string(static_cast<int>(port));
  auto client = Client::connect(address, std::move(options));
  if (client) return client;
  // The place as the script has it: what failed may be an address that its name stands for.
  const std::string place = llp::to_string(address) + ": ";
  if (!client.error().message.starts_with(place)) client.error().message.insert(0, place);
  return client;
}

int connect(lua_State* state) {
  const char* host = luaL_checkstring(state, 1);
  const double port = luaL_checknumber(state, 2);
  const double timeout = luaL_checknumber(state, 3);
  const char* protocol = luaL_checkstring(state, 4);
  auto*& slot = *static_cast<Client**>(lua_newuserdata(state, sizeof(Client*)));
  slot = nullptr;
  luaL_getmetatable(state, kType);
  lua_setmetatable(state, -2);
  return guarded(state, true, [&] {
    auto client = connect_to(host, port, timeout, protocol);
    if (!client) return failed(state, true, reason(client.error()));
    slot = new Client(std::move(*client));  // freed by close() and __gc
    return 1;
  });
}

int send(lua_State* state) {
  Client* client = client_at(state, 1);
  std::size_t size = 0;
  const char* text = luaL_checklstring(state, 2, &size);
  if (client == nullptr) return failed(state, true, "not connected");
  return guarded(state, true, [&] {
    const auto sent = client->send(std::string_view(text, size));
    if (!sent) return failed(state, true, reason(sent.error()));
    lua_pushinteger(state, static_cast<lua_Integer>(*sent));
    return 1;
  });
}

int recv(lua_State* state) {
  Client* client = client_at(state, 1);
  if (client == nullptr) return failed(state, false, "not connected");
  return guarded(state, false, [&] {
    const auto got = client->recv();
    if (!got && got.error().code != llp::Errc::closed) return failed(state, false, reason(got.error()));
    if (!got) {
      lua_pushnil(state);
      push(state, client->take_lost());
      return 2;
    }
    push(state, got->message);
    push(state, got->lost);
    return 2;
  });
}

int close(lua_State* state) {
  Client*& slot = client_at(state, 1);
  const std::unique_ptr<Client> client(std::exchange(slot, nullptr));
  return guarded(state, true, [&] {
    if (client) client->close();
    return 0;
  });
}

// As luaL_setfuncs(), which Lua 5.1 does not have.
void set(lua_State* state, const char* name, lua_CFunction function) {
  lua_pushcfunction(state, function);
  lua_setfield(state, -2, name);
}

}  // namespace

extern "C" int luaopen_llp_core(lua_State* state) {
  luaL_newmetatable(state, kType);
  lua_pushvalue(state, -1);
  lua_setfield(state, -2, "__index");
  set(state, "send", send);
  set(state, "recv", recv);
  set(state, "close", close);
  set(state, "__gc", close);
  set(state, "__close", close);
  lua_createtable(state, 0, 1);
  set(state, "connect", connect);
  return 1;
}
