// SPDX-License-Identifier: BSD-3-Clause
// What the control socket says and does about a spool, on a real one.
#include "control/spool_requests.hpp"

#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/base64.hpp"

namespace llp::control {
namespace {

using Json = nlohmann::ordered_json;
using store::Bytes;

class Requests : public testing::Test {
 protected:
  Requests() {
    std::string name = testing::TempDir() + "llp-spool-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory");
    dir = name;
    std::vector<std::string> notes;
    const auto opened = run(spool->open(store::system_files(), dir / "spool", "lab", {}, notes));
    if (!opened) throw std::runtime_error(opened.error().message);
  }
  ~Requests() override {
    spool.reset();
    std::filesystem::remove_all(dir);
  }
  template <class T>
  T run(asio::awaitable<T> work) {
    std::optional<T> result;
    context.restart();
    asio::co_spawn(context, std::move(work), [&](const std::exception_ptr& error, T value) {
      if (error) std::rethrow_exception(error);
      result.emplace(std::move(value));
    });
    context.run();
    return std::move(*result);
  }
  store::MessageNumber put(const Bytes& text) {
    return run(spool->put(text, store::key_of(text), false))->id;
  }
  Json ask(const char* op, Json more) {
    more["op"] = op;
    return run(answer_spool_request(spool, std::move(more)));
  }
  Json listed(const char* place, std::uint64_t after = 0) {
    return ask("spool-list", {{"place", place}, {"after", after}});
  }

  std::filesystem::path dir;
  asio::io_context context{1};
  core::Event changed{context.get_executor()};
  std::shared_ptr<core::SpoolAccess> spool =
      std::make_shared<core::SpoolAccess>(context.get_executor(), std::make_shared<WorkerPool>(1), changed);
};

TEST_F(Requests, LettersWithoutTheirContent) {
  const auto id = put({'s', 'e', 'c', 'r', 'e', 't'});
  const auto dead = put({'x'});
  ASSERT_TRUE(run(spool->bury(dead, "nobody takes it")));
  const Json queue = listed("queue");
  ASSERT_EQ(queue["letters"].size(), 1U) << queue;
  EXPECT_EQ(queue["letters"][0]["id"], id);
  EXPECT_EQ(queue["letters"][0]["place"], "queue");
  EXPECT_EQ(queue["letters"][0]["kind"], "message");
  EXPECT_EQ(queue["letters"][0]["bytes"], 6);
  EXPECT_EQ(queue["letters"][0]["time"].get<std::string>().size(),
            std::string("2026-01-31T09:30:00.125Z").size());
  EXPECT_EQ(queue["more"], false);
  EXPECT_EQ(listed("dead")["letters"][0]["reason"], "nobody takes it");
  EXPECT_TRUE(listed("late")["letters"].empty());
  EXPECT_TRUE(listed("queue", id)["letters"].empty());
  EXPECT_EQ(listed("attic")["error"], "place must be queue, dead or late");
  const Json one = ask("spool-show", {{"letter", id}});
  EXPECT_EQ(one["letter"]["sha256"], store::hex(store::key_of(Bytes{'s', 'e', 'c', 'r', 'e', 't'}).digest));
  EXPECT_FALSE(one.contains("content"));
}

TEST_F(Requests, AnAnswerHoldsSoMany) {
  for (unsigned i = 0; i < 257; ++i) put({static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)});
  const Json first = listed("queue");
  EXPECT_EQ(first["letters"].size(), 256U);
  EXPECT_EQ(first["more"], true);
  const Json rest = listed("queue", first["letters"].back()["id"].get<std::uint64_t>());
  EXPECT_EQ(rest["letters"].size(), 1U);
  EXPECT_EQ(rest["more"], false);
}

TEST_F(Requests, ContentOnDemandPartByPart) {
  Bytes text((std::size_t{1} << 20) + 5);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::uint8_t>(i * 7);
  const auto id = put(text);
  const auto content = [&](std::uint64_t from) {
    return *from_base64(
        ask("spool-show", {{"letter", id}, {"content_from", from}})["content"].get<std::string>());
  };
  Bytes all = content(0);
  EXPECT_EQ(all.size(), std::size_t{1} << 20);
  const Bytes rest = content(all.size());
  all.insert(all.end(), rest.begin(), rest.end());
  EXPECT_EQ(all, text);
  EXPECT_TRUE(content(text.size()).empty());
  EXPECT_TRUE(content(UINT64_MAX).empty());
}

TEST_F(Requests, WhatAPersonDecides) {
  const auto dead = put({'a'});
  const auto waits = put({'b'});
  ASSERT_TRUE(run(spool->bury(dead, "nobody takes it")));
  ASSERT_TRUE(run(spool->keep(store::LetterKind::late_reply, {'c'})));
  const auto late = run(spool->list(store::Place::late))->front().id;
  EXPECT_EQ(ask("spool-retry", {{"letter", late}})["error"],
            "letter " + std::to_string(late) + " is a reply that nobody waits for: it cannot be delivered");
  EXPECT_EQ(ask("spool-retry", {{"letter", waits}})["ok"], false);
  EXPECT_EQ(ask("spool-drop", {{"letter", waits}})["error"],
            "message " + std::to_string(waits) + " is not given up: it waits for its application");
  EXPECT_EQ(ask("spool-retry", {{"letter", dead}})["ok"], true);
  EXPECT_EQ(listed("queue")["letters"].size(), 2U);
  EXPECT_EQ(ask("spool-drop", {{"letter", late}})["ok"], true);
  EXPECT_TRUE(listed("late")["letters"].empty());
  ASSERT_TRUE(run(spool->bury(dead, "again")));
  EXPECT_EQ(ask("spool-drop", {{"letter", dead}})["ok"], true);
  EXPECT_EQ(ask("spool-drop", {{"letter", dead}})["error"],
            "there is no letter " + std::to_string(dead) + " in the spool");
  EXPECT_EQ(ask("spool-show", {{"letter", -1}})["error"], "letter is missing: the number of a letter");
}

// A line as configured, not served.
class OneLine : public LineHost {
 public:
  OneLine() { config.name = "chem"; }
  std::vector<LineInfo> lines() const override { return {{&config, LineState::stopped, {}, "", nullptr}}; }
  Result<void> stop_line(std::string_view) override { return {}; }
  Result<void> start_line(std::string_view) override { return {}; }
  void reload(std::function<void(const std::vector<Error>&)>) override {}
  core::LineConfig config;
};

TEST(SpoolOf, ThereMustBeOne) {
  OneLine host;
  EXPECT_EQ(spool_of(host, Json::object()).error().message, "line is missing");
  EXPECT_EQ(spool_of(host, {{"line", "chen"}}).error().message,
            "there is no line 'chen'; did you mean 'chem'?");
  EXPECT_EQ(spool_of(host, {{"line", "chem"}}).error().message, "line chem has no spool");
  host.config.spool.dir = "/nowhere";
  EXPECT_EQ(spool_of(host, {{"line", "chem"}}).error().message,
            "line chem is not served (stopped): its spool is not open");
}

}  // namespace
}  // namespace llp::control
