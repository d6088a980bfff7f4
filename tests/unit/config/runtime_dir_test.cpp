// SPDX-License-Identifier: BSD-3-Clause
#include "config/runtime_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace llp::config {
namespace {

TEST(RuntimeDirName, Default) {
  EXPECT_EQ(default_runtime_dir({0, "/run/user/0", ""}), "/run/llp");
  EXPECT_EQ(default_runtime_dir({1000, "/run/user/1000", ""}), "/run/user/1000/llp");
  EXPECT_EQ(default_runtime_dir({1000, "", ""}), "/tmp/llp-1000");
  EXPECT_EQ(default_runtime_dir({1000, "relative", "relative"}), "/tmp/llp-1000");
  EXPECT_EQ(default_runtime_dir({1000, "", "/run/llp"}), "/run/llp") << "a unit of systemd, as another user";
  EXPECT_EQ(default_runtime_dir({0, "", "/run/one:/run/two"}), "/run/one");
}

class RuntimeDir : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "llp-runtime-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  static unsigned mode(const std::filesystem::path& path) {
    struct stat st{};
    EXPECT_EQ(::stat(path.c_str(), &st), 0);
    return st.st_mode & 07777;
  }
  std::filesystem::path dir_;
  const uid_t self_ = ::geteuid();
};

TEST_F(RuntimeDir, IsMadeAndTakenAgain) {
  const auto dir = dir_ / "new";
  ASSERT_TRUE(ensure_runtime_dir(dir, self_, true));
  EXPECT_EQ(mode(dir), self_ == 0 ? 0755U : 0700U);
  EXPECT_TRUE(ensure_runtime_dir(dir, self_, true));
  EXPECT_TRUE(ensure_runtime_dir(dir, self_, false));
}

TEST_F(RuntimeDir, OthersMayNotWriteToTheDefault) {
  ASSERT_EQ(::chmod(dir_.c_str(), 0777), 0);
  const auto done = ensure_runtime_dir(dir_, self_, true);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::permission);
  EXPECT_NE(done.error().message.find("others may write to it"), std::string::npos);
  EXPECT_TRUE(ensure_runtime_dir(dir_, self_, false)) << "named: the caller's choice";
}

TEST_F(RuntimeDir, BelongsToUs) {
  const auto done = ensure_runtime_dir(dir_, self_ + 1, true);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::permission);
}

TEST_F(RuntimeDir, LinksAndFilesInItsPlace) {
  std::filesystem::create_symlink(dir_, dir_ / "link");
  EXPECT_EQ(ensure_runtime_dir(dir_ / "link", self_, true).error().code, Errc::in_use);
  EXPECT_TRUE(ensure_runtime_dir(dir_ / "link", self_, false));
  std::ofstream(dir_ / "file") << "x";
  EXPECT_EQ(ensure_runtime_dir(dir_ / "file", self_, false).error().code, Errc::in_use);
  const auto missing = ensure_runtime_dir(dir_ / "no" / "parent", self_, false);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().message.find("cannot make it"), std::string::npos);
}

}  // namespace
}  // namespace llp::config
