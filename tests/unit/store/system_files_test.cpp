// SPDX-License-Identifier: BSD-3-Clause
// The real file system: rights, locks, kinds of files, and a spool on it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "samples.hpp"
#include "store/journal.hpp"
#include "store/spool.hpp"

namespace llp::store::test {
namespace {

using namespace std::chrono_literals;

unsigned mode_of(const Path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return 0;
  return status.st_mode & 07777U;
}

class SystemFilesTest : public ::testing::Test {
 protected:
  SystemFilesTest() {
    std::string name = (std::filesystem::temp_directory_path() / "llp-store-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    dir = name;
  }
  ~SystemFilesTest() override { std::filesystem::remove_all(dir); }

  std::shared_ptr<Files> files = system_files();
  Path dir;
};

TEST_F(SystemFilesTest, WritesReadsAndRenames) {
  {
    auto file = files->create(dir / "a");
    ASSERT_TRUE(file);
    EXPECT_TRUE(write_all(**file, bytes("text")));
    EXPECT_TRUE((*file)->sync());
  }
  EXPECT_EQ(mode_of(dir / "a"), 0600U);
  EXPECT_EQ(files->create(dir / "a").error().sys_errno, EEXIST);
  EXPECT_TRUE(files->rename(dir / "a", dir / "b"));
  EXPECT_TRUE(files->sync_directory(dir));
  {
    auto more = files->append(dir / "b");
    ASSERT_TRUE(more);
    EXPECT_TRUE(write_all(**more, bytes(" and more")));
  }
  auto file = files->open(dir / "b");
  ASSERT_TRUE(file);
  EXPECT_EQ(read_all(**file, 100), bytes("text and more"));
  auto again = files->open(dir / "b");
  ASSERT_TRUE(again);
  EXPECT_EQ(read_all(**again, 5).error().code, Errc::too_large);
  const auto entries = files->list(dir);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->at(0).name, "b");
  EXPECT_EQ(entries->at(0).size, 13U);
  EXPECT_TRUE(entries->at(0).regular);
  EXPECT_TRUE(files->remove(dir / "b"));
  EXPECT_EQ(files->open(dir / "b").error().code, Errc::not_found);
  EXPECT_EQ(files->append(dir / "b").error().code, Errc::not_found);
}

TEST_F(SystemFilesTest, OpensNoLinksAndNoPipes) {
  std::filesystem::create_symlink("/etc/passwd", dir / "link");
  EXPECT_FALSE(files->open(dir / "link"));
  EXPECT_FALSE(files->create(dir / "link"));
  EXPECT_FALSE(files->append(dir / "link"));
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(files->open(dir / "pipe").error().code, Errc::invalid);
  const auto entries = files->list(dir);
  ASSERT_TRUE(entries);
  for (const auto& entry : *entries) EXPECT_FALSE(entry.regular) << entry.name;
}

TEST_F(SystemFilesTest, DirectoriesAreForTheirOwnerOnly) {
  EXPECT_TRUE(files->make_directory(dir / "d", Files::Access::ours));
  EXPECT_EQ(mode_of(dir / "d"), 0700U);
  EXPECT_TRUE(files->make_directory(dir / "d", Files::Access::ours));
  using std::filesystem::perms;
  std::filesystem::permissions(dir / "d", perms::owner_all | perms::group_read | perms::group_exec);
  EXPECT_EQ(files->make_directory(dir / "d", Files::Access::ours).error().code, Errc::permission);
  EXPECT_TRUE(files->make_directory(dir / "d", Files::Access::any));
  std::filesystem::create_symlink(dir / "d", dir / "l");
  EXPECT_FALSE(files->make_directory(dir / "l", Files::Access::ours));
  std::ofstream(dir / "f") << "x";
  EXPECT_FALSE(files->make_directory(dir / "f", Files::Access::any));
  EXPECT_FALSE(files->make_directory(dir / "missing" / "d", Files::Access::any));
}

TEST_F(SystemFilesTest, LocksHoldWhileTheyAreHeld) {
  {
    const auto lock = files->lock_directory(dir);
    ASSERT_TRUE(lock);
    EXPECT_EQ(files->lock_directory(dir).error().code, Errc::in_use);
    const auto other = files->lock_file(dir / "lock");
    ASSERT_TRUE(other);
    EXPECT_EQ(files->lock_file(dir / "lock").error().code, Errc::in_use);
  }
  EXPECT_TRUE(files->lock_directory(dir));
  EXPECT_TRUE(files->lock_file(dir / "lock"));
}

TEST_F(SystemFilesTest, ASpoolAndAJournalOnIt) {
  std::vector<std::string> notes;
  const std::string text(200000, 'x');
  for (int i = 0; i < 3; ++i) {
    auto opened = Spool::open(files, dir / "spool", "lab", {}, notes);
    ASSERT_TRUE(opened) << opened.error().message;
    Spool& spool = **opened;
    EXPECT_EQ(spool.state().queued, static_cast<std::size_t>(i));
    const auto letter = spool.put(bytes(text), key_of(bytes(text)), false, kNow);
    ASSERT_TRUE(letter) << letter.error().message;
    const auto read = spool.read(Place::queue, letter->id);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, bytes(text));
    EXPECT_TRUE(spool.mark(letter->id, true, 1));
    EXPECT_TRUE(spool.probe(100000));
  }
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(mode_of(dir / "spool" / "lab"), 0700U);
  EXPECT_EQ(mode_of(dir / "spool" / "lab" / "queue"), 0700U);
  for (const auto& entry : std::filesystem::directory_iterator(dir / "spool" / "lab" / "queue")) {
    EXPECT_EQ(mode_of(entry.path()), 0600U);
  }
  const auto listed = list_spool(*files, dir / "spool", "lab", Place::queue);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 3U);
  const auto shown = show_spooled(*files, dir / "spool", "lab", Place::queue, listed->at(1).id);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->text, bytes(text));
  EXPECT_FALSE(list_spool(*files, dir / "spool", "none", Place::queue));

  for (int i = 0; i < 2; ++i) {
    auto opened = Journal::open(files, dir / "journal", {}, kNow, notes);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ((*opened)->of_line("lab").size(), static_cast<std::size_t>(i));
    const JournalEntry entry{JournalEntry::Kind::begin,
                             {(*opened)->next(), "lab", key_of(bytes(text)), kNow}};
    EXPECT_TRUE((*opened)->append(std::span(&entry, 1), kNow));
  }
  EXPECT_EQ(mode_of(dir / "journal"), 0600U);
  EXPECT_TRUE(notes.empty());
}

}  // namespace
}  // namespace llp::store::test
