// SPDX-License-Identifier: BSD-3-Clause
// What a restart leaves in doubt, and what becomes of possible duplicates.
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "core/duplicates.hpp"
#include "core/journal_access.hpp"
#include "core/support.hpp"

namespace llp::core::test {
namespace {

class Journaled : public Bench {
 protected:
  Journaled() {
    config.journal.path = (config.runtime_dir / "journal").string();
    app = std::make_unique<App>(loop, quick_options());
    config.to = {app->endpoint()};
  }
  [[nodiscard]] bool asked(std::size_t n = 1) {
    return until([&] { return app->requests.size() >= n; });
  }
  // The service ends as if it were killed while an application has the message.
  void cut_off() {
    up();
    line->arrive(kRequest);
    ASSERT_TRUE(asked());
    std::filesystem::copy_file(config.journal.path, config.journal.path + ".killed");
    loop.run(service->stop());
    service.reset();
    std::filesystem::rename(config.journal.path + ".killed", config.journal.path);
    log.clear();
  }
  [[nodiscard]] std::string journal() const {
    std::ifstream in(config.journal.path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::unique_ptr<App> app;
};

TEST_F(Journaled, TheAttemptIsOnTheDiskBeforeTheApplicationHasAnything) {
  std::string seen;
  app->answer = [&](const std::string&) {
    seen = journal();
    return kAnswer;
  };
  up();
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  EXPECT_NE(seen.find(store::hex(key_of(bytes(kRequest)).digest)), std::string::npos) << seen;
  EXPECT_EQ(seen.find("MSH"), std::string::npos);  // no content
  loop.run(service->stop());
  service.reset();
  EXPECT_NE(journal().find(" done "), std::string::npos) << journal();
}

TEST_F(Journaled, AnUnfinishedAttemptMakesTheRepeatAPossibleDuplicate) {
  cut_off();
  up();
  EXPECT_TRUE(logged("1 deliveries were cut off"));
  const auto other = line->arrive(kOther);
  ASSERT_TRUE(asked(2));
  app->reply(1, kAnswer);
  ASSERT_TRUE(decided(other));
  EXPECT_EQ(n().possible_duplicates, 0U);
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked(3));
  EXPECT_EQ(n().possible_duplicates, 1U);
  app->reply(2, kAnswer);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
}

TEST_F(Journaled, DropAcknowledgesWithoutDelivering) {
  cut_off();
  config.on_duplicate = OnDuplicate::drop;
  up();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT);
  loop.turn();
  EXPECT_EQ(app->requests.size(), 1U);
  EXPECT_EQ(n().duplicates_dropped, 1U);
  EXPECT_EQ(n().possible_duplicates, 1U);
}

TEST_F(Journaled, AnAddressGetsThePossibleDuplicates) {
  App review(loop, quick_options());
  review.answer = [](const std::string&) { return kAnswer; };
  cut_off();
  config.on_duplicate = OnDuplicate::divert;
  config.duplicates_to = review.endpoint();
  up();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(review.requests.size(), 1U);
  EXPECT_EQ(app->requests.size(), 1U);
  EXPECT_EQ(n().duplicates_diverted, 1U);
  line->arrive(kOther);
  ASSERT_TRUE(asked(2));
}

TEST_F(Journaled, TheWindowGoesOnOverARestart) {
  app->answer = [](const std::string&) { return kAnswer; };
  up();
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  loop.run(service->stop());
  service.reset();
  up();
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  EXPECT_EQ(n().possible_duplicates, 1U);
}

TEST_F(Journaled, WhatNobodySawIsNoDuplicate) {
  app->stop();
  up();
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  EXPECT_EQ(n().possible_duplicates, 0U);
}

// A limit on the size of files fails every write beyond it, for this process.
TEST_F(Journaled, WithoutTheRecordNothingIsDelivered) {
  up();
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  const auto id = line->arrive(kRequest);
  const bool refused = decided(id);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  static_cast<void>(::signal(SIGXFSZ, ignored));
  ASSERT_TRUE(refused);
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_TRUE(app->requests.empty());
  EXPECT_EQ(n().journal_errors, 1U);
  // And it goes on.
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  EXPECT_EQ(n().possible_duplicates, 0U);
}

TEST_F(Journaled, APlaceThatCannotBeUsedIsSaid) {
  config.journal.path = (config.runtime_dir / "missing" / "journal").string();
  config.journal.mode = JournalMode::on;
  const auto up = try_up();
  ASSERT_FALSE(up);
  EXPECT_NE(up.error().message.find("attempt journal"), std::string::npos);
  config.journal = {JournalMode::automatic, {}, "/proc/nowhere"};
  ASSERT_TRUE(try_up());  // only wished for
  EXPECT_TRUE(logged("there is no attempt journal"));
}

asio::awaitable<void> begin_attempt(std::shared_ptr<JournalAccess> journal, std::string line,
                                    std::string what, int& begun) {
  const auto id = co_await journal->begin(line, key_of(bytes(what)));
  if (id) ++begun;
  if (id && what == "y") journal->end(*id, store::AttemptState::done);
}

TEST_F(Journaled, ManyLinesShareOne) {
  const auto files = store::system_files();
  const auto pool = std::make_shared<WorkerPool>(2);
  JournalSet set;
  const auto a = set.get(loop.executor(), pool, files, config.journal.path);
  EXPECT_EQ(a, set.get(loop.executor(), pool, files, config.journal.path));
  std::vector<std::string> notes;
  ASSERT_TRUE(loop.run(a->join({}, notes)));
  ASSERT_TRUE(loop.run(a->join({}, notes)));
  int begun = 0;
  for (int i = 0; i < 20; ++i)
    loop.start(begin_attempt(a, i % 2 != 0 ? "lab" : "ward", std::to_string(i), begun));
  loop.start(begin_attempt(a, "lab", "y", begun));
  ASSERT_TRUE(until([&] { return begun == 21; }));
  loop.run(a->flush());
  const auto records = loop.run(a->of_line("lab"));
  ASSERT_EQ(records.size(), 11U);
  EXPECT_EQ(records.back().state, store::AttemptState::done);
  EXPECT_EQ(records.front().state, store::AttemptState::begun);
}

}  // namespace
}  // namespace llp::core::test
