// SPDX-License-Identifier: BSD-3-Clause
// The module in an interpreter of our own, against sockets driven by hand; and its simulator.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "libllp/peer.hpp"
#include "lua/core.hpp"

extern "C" {
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
}

namespace llp::test {
namespace {

// Runs chunks and gives what they return as text: values with a space between, nil and booleans by name.
class Lua {
 public:
  Lua() : state_(luaL_newstate(), &lua_close) {
    luaL_openlibs(state_.get());
    luaL_getsubtable(state_.get(), LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(state_.get(), luaopen_llp_core);
    lua_setfield(state_.get(), -2, "llp.core");
    lua_pop(state_.get(), 1);
    run("package.path = '" LLP_LUA_DIR "/?.lua'; llp = require 'llp'");
  }

  std::string run(const std::string& chunk) {
    lua_State* s = state_.get();
    lua_settop(s, 0);
    if (luaL_loadbuffer(s, chunk.data(), chunk.size(), "=script") != LUA_OK ||
        lua_pcall(s, 0, LUA_MULTRET, 0) != LUA_OK) {
      return "error: " + std::string(lua_tostring(s, -1));
    }
    std::string out;
    for (int i = 1; i <= lua_gettop(s); ++i) {
      std::size_t size = 0;
      const char* text = luaL_tolstring(s, i, &size);
      out += (i == 1 ? "" : " ") + std::string(text, size);
      lua_pop(s, 1);
    }
    return out;
  }

  // Opens `s` to the address.
  std::string connect(const std::string& address, const std::string& more = "timeout = 60") {
    return run("s = llp.connect{host = '127.0.0.1', port = " + address.substr(address.rfind(':') + 1) + ", " +
               more + "} return type(s)");
  }

 private:
  std::unique_ptr<lua_State, void (*)(lua_State*)> state_;
};

constexpr const char* kOrder = R"('MSH|^~\\&|APP|LAB|HIS|WARD|2026||ORU^R01|42|T|2.3\rPID|1\r')";
constexpr const char* kAck = "MSH|^~\\&|HIS|WARD|APP|LAB|||ACK|42|P|2.3\rMSA|AA|42\r";

TEST(LuaModule, ArgumentErrorsAreTheCallersAndHelp) {
  Lua lua;
  const std::string help = lua.run("return llp.help()");
  EXPECT_NE(help.find("timeout"), std::string::npos);
  EXPECT_EQ(lua.run("local s = llp.connect()"), "error: script:1: " + help);
  for (const auto& [call, complaint] : {
           std::pair{"llp.connect(5)", "Parameter 1 is not a table."},
           std::pair{"llp(5)", "Parameter 1 is not a table."},
           std::pair{"llp.connect{port = 1}", "Parameter 'host' is required."},
           std::pair{"llp{host = 'x'}", "Parameter 'port' is required."},
           std::pair{"llp.connect{host = 'x', port = '1'}", "Parameter 'port' should be a number."},
           std::pair{"llp.connect{host = 1, port = 1}", "Parameter 'host' should be a string."},
           std::pair{"llp{host = 'x', port = 1, timeout = '5'}", "Parameter 'timeout' should be a number."},
           std::pair{"llp{host = 'x', port = 1, live = 1}", "Parameter 'live' should be a boolean."},
       }) {
    EXPECT_EQ(lua.run("\nlocal s = " + std::string(call)),
              "error: script:2: " + std::string(complaint) + "\n" + help)
        << call;
  }
  EXPECT_NE(lua.run("local s = llp{host = 'x', port = 70000}").find("1 to 65535"), std::string::npos);
  EXPECT_NE(lua.run("local s = llp{host = 'x', port = 1, timeout = 0}").find("0.001 to 86400"),
            std::string::npos);
  EXPECT_NE(lua.run("local s = llp{host = 'x', port = 1, protocol = 'x'}").find("is no protocol"),
            std::string::npos);
}

TEST(LuaModule, SendsAndReceives) {
  std::string seen;
  Peer peer([&](Conversation& c) {
    seen = c.read(7);
    c.send("junk" + frame("ONE\r") + frame("TWO\r"));
    c.read(7);
    c.half_close();
    c.read_to_end();
  });
  Lua lua;
  ASSERT_EQ(lua.connect(peer.address()), "table");
  EXPECT_EQ(lua.run("return s:send('ASK\\r')"), "7");
  EXPECT_EQ(lua.run("return s:recv()"), "ONE\r junk");
  EXPECT_EQ(lua.run("return s:recv()"), "TWO\r ");
  EXPECT_EQ(lua.run("return s:send('ASK\\r')"), "7");
  EXPECT_EQ(lua.run("local m, lost = s:recv() return m == nil, lost == ''"), "true true");
  EXPECT_EQ(lua.run("s:close() s:close()"), "");
  EXPECT_EQ(lua.run("s:recv()"), "error: script:1: not connected");
  EXPECT_EQ(lua.run("s:send('x')"), "error: script:1: not connected");
  peer.wait();
  EXPECT_EQ(seen, frame("ASK\r"));
}

TEST(LuaModule, FramesAsTheOriginalDoes) {
  Peer peer([](Conversation& c) {
    c.send(
        "\x0b"
        "A\x0b"
        "B\x1c"
        "C\x1c\r");
  });
  Lua lua;
  ASSERT_EQ(lua.connect(peer.address()), "table");
  EXPECT_EQ(lua.run("return s:recv()"),
            "A\x0b"
            "B\x1c"
            "C ");
}

TEST(LuaModule, ErrorsAreTheCallersToo) {
  Peer peer([](Conversation& c) { c.read_to_end(); });
  Lua lua;
  ASSERT_EQ(lua.connect(peer.address(), "timeout = 0.05"), "table");
  const std::string late = lua.run("\ns:recv()");
  EXPECT_TRUE(late.starts_with("error: script:2: timeout: ")) << late;
  EXPECT_EQ(lua.run("s:send(nil)"), "error: script:1: the message should be a string");
  EXPECT_NE(lua.run("s:send('a\\28b')").find("cannot carry"), std::string::npos);
  std::string gone;
  {
    const Peer nobody([](Conversation&) {});
    gone = nobody.address();
  }
  const std::string refused = lua.connect(gone);
  EXPECT_EQ(refused, "error: script:1: " + gone + ": cannot connect: Connection refused");
}

TEST(LuaModule, WhatCannotBeReachedIsNamedAsTheScriptHasIt) {
  std::string gone;
  {
    const Peer nobody([](Conversation&) {});
    gone = nobody.address();
  }
  Lua lua;
  const std::string port = gone.substr(gone.rfind(':') + 1);
  const std::string refused = lua.run("llp.connect{host = 'localhost', port = " + port + ", timeout = 60}");
  EXPECT_TRUE(refused.starts_with("error: script:1: localhost:" + port + ": ")) << refused;
  EXPECT_NE(refused.find("cannot connect: Connection refused"), std::string::npos) << refused;
  const std::string unknown = lua.run("llp.connect{host = 'nowhere.invalid', port = 2575, timeout = 60}");
  EXPECT_TRUE(unknown.find("nowhere.invalid:2575: ") != std::string::npos) << unknown;
}

TEST(LuaModule, GivesNilWhenTheOtherEndHasClosed) {
  Peer peer([](Conversation& c) {
    c.send(frame("LAST\r"));
    c.half_close();
    c.read_to_end();
  });
  Lua lua;
  ASSERT_EQ(lua.connect(peer.address()), "table");
  EXPECT_EQ(lua.run("return s:recv()"), "LAST\r ");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(lua.run("return s:recv()"), "nil ");
}

TEST(LuaModule, OtherProtocols) {
  Peer peer([](Conversation& c) {
    const std::string request = c.read_to_end();
    c.send("re: " + request);
    c.half_close();
    c.read_to_end();
  });
  Lua lua;
  ASSERT_EQ(lua.connect(peer.address(), "protocol = 'illp'"), "table");
  EXPECT_EQ(lua.run("s:send('x') return s:recv()"), "re: x ");
}

TEST(LuaModule, ForgottenConnectionsAreClosed) {
  Peer peer([](Conversation& c) { c.read_to_end(); });
  Lua lua;
  ASSERT_EQ(lua.connect(peer.address()), "table");
  lua.run("s = nil collectgarbage()");
}

TEST(LuaSimulator, StandsInForTestModeOnly) {
  Lua lua;
  // Nobody listens there: a connection would fail.
  lua.run("iguana = {isTest = function() return true end}");
  EXPECT_EQ(lua.run("s = llp{host = '127.0.0.1', port = 1} return type(s)"), "table");
  EXPECT_EQ(lua.run("return s:send(" + std::string(kOrder) + ")"), "58");
  EXPECT_EQ(lua.run("return s:recv()"), std::string(kAck) + " ");
  EXPECT_TRUE(lua.run("s = llp{host = '127.0.0.1', port = 1, live = true}")
                  .starts_with("error: script:1: 127.0.0.1:1"));
  lua.run("iguana = {isTest = function() return false end}");
  EXPECT_TRUE(lua.run("s = llp{host = '127.0.0.1', port = 1}").starts_with("error: script:1: 127.0.0.1:1"));
}

TEST(LuaSimulator, ByEnvironment) {
  ASSERT_EQ(::setenv("LLP_SIMULATE", "1", 1), 0);  // NOLINT(concurrency-mt-unsafe): no threads
  Lua lua;
  EXPECT_EQ(lua.run("s = llp{host = 'nowhere', port = 1} return type(s)"), "table");
  EXPECT_EQ(lua.run("return require('iguana').isTest(), iguana ~= nil"), "true true");
  // One acknowledgement for each message sent, then none.
  lua.run("s:send(" + std::string(kOrder) + ") s:send(" + std::string(kOrder) + ")");
  EXPECT_EQ(lua.run("s:recv() return s:recv()"), std::string(kAck) + " ");
  EXPECT_EQ(lua.run("s:recv()"), "error: script:1: timeout");
  EXPECT_TRUE(lua.run("s:send('no HL7')").starts_with("error: script:1: the simulator accepts HL7"));
  EXPECT_EQ(lua.run("s:send('MSH|^~\\\\&\\r') return s:recv()"), "MSH|^~\\&|||||||ACK||P|\rMSA|AA|\r ");
  lua.run("s:close()");
  EXPECT_EQ(lua.run("s:recv()"), "error: script:1: not connected");
  EXPECT_EQ(lua.run("s:send('x')"), "error: script:1: not connected");
  ASSERT_EQ(::unsetenv("LLP_SIMULATE"), 0);  // NOLINT(concurrency-mt-unsafe): as above
}

}  // namespace
}  // namespace llp::test
