// SPDX-License-Identifier: BSD-3-Clause
#include "base/process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/fd.hpp"

namespace llp {
namespace {

TEST(Process, LivesOrNot) {
  EXPECT_TRUE(process_lives(::getpid()));
  EXPECT_TRUE(process_lives(1));
  EXPECT_FALSE(process_lives(0));
  EXPECT_FALSE(process_lives(-1));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(process_lives(child));
}

TEST(Process, IsNamed) {
  EXPECT_THAT(describe_process(::getpid()), testing::MatchesRegex("process [0-9]+ \\(test_base\\)"));
  EXPECT_EQ(describe_process(2'000'000'000), "process 2000000000");
}

TEST(Process, HolderOfAFlock) {
  std::string path = testing::TempDir() + "flock.XXXXXX";
  const UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
  ASSERT_TRUE(fd);
  EXPECT_EQ(flock_holder(fd.get()), std::nullopt);
  ASSERT_EQ(::flock(fd.get(), LOCK_EX), 0);
  EXPECT_EQ(flock_holder(fd.get()), ::getpid());
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace llp
