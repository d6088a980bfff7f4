// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "llpcat/exec.hpp"
#include "llpcat/input.hpp"
#include "llpcat/options.hpp"
#include "llpcat/output.hpp"

namespace llp::cat {
namespace {

namespace fs = std::filesystem;

class Directory {
 public:
  Directory() : path_(fs::temp_directory_path() / ("llpcat-test-" + std::to_string(::getpid()))) {
    fs::create_directory(path_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { fs::remove_all(path_); }
  [[nodiscard]] fs::path operator/(const char* name) const { return path_ / name; }
  [[nodiscard]] const fs::path& path() const { return path_; }
  void write(const char* name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string read(const char* name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  fs::path path_;
};

Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

TEST(Input, LineEndsBecomeCr) {
  EXPECT_EQ(with_cr("a\nb\r\nc\rd"), bytes("a\rb\rc\rd"));
  EXPECT_EQ(with_cr("\n\n"), bytes("\r\r"));
  EXPECT_EQ(with_cr(""), bytes(""));
}

TEST(Input, MessagesOfOneFile) {
  const auto split = [](std::string_view text) { return split_messages(text); };
  EXPECT_EQ(split("MSH|1\rPID|1\rMSH|2\rMSHX\r"),
            (std::vector<Bytes>{bytes("MSH|1\rPID|1\r"), bytes("MSH|2\r"), bytes("MSHX\r")}));
  EXPECT_EQ(split("MSH|1\r\n\r\nMSH|2\r\n"), (std::vector<Bytes>{bytes("MSH|1\r\n"), bytes("MSH|2\r\n")}));
  EXPECT_EQ(split("\n\nMSH|1"), (std::vector<Bytes>{bytes("MSH|1")}));
  EXPECT_EQ(split("H|\\^&\rMSH|1\r"), (std::vector<Bytes>{bytes("H|\\^&\r"), bytes("MSH|1\r")}));
  EXPECT_EQ(split("FHS|x\rBHS|x\rMSH|1\rBTS|1\r"),
            (std::vector<Bytes>{bytes("FHS|x\r"), bytes("BHS|x\r"), bytes("MSH|1\rBTS|1\r")}));
  EXPECT_TRUE(split("\r\n").empty());
}

TEST(Input, Files) {
  const Directory dir;
  dir.write("two", "MSH|1\nMSH|2\n");
  dir.write("empty", "");
  const auto got = read_messages({(dir / "two").string()}, true, true);
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->size(), 2U);
  EXPECT_EQ(got->at(1).message, bytes("MSH|2\r"));
  EXPECT_EQ(got->at(1).name, (dir / "two").string() + ", message 2");
  for (const char* bad : {"empty", "missing"}) {
    EXPECT_EQ(read_messages({(dir / bad).string()}, false, false).error().code, Errc::not_found) << bad;
  }
}

TEST(Output, AFileForEachMessageAndNoneOverwritten) {
  const Directory dir;
  dir.write("000002.msg", "kept");
  Output output(dir.path(), false);
  EXPECT_TRUE(output.check());
  EXPECT_TRUE(output.message(bytes("one"), "msg"));
  EXPECT_TRUE(output.message(bytes("two"), "msg"));
  EXPECT_EQ(dir.read("000001.msg"), "one");
  EXPECT_EQ(dir.read("000002.msg"), "kept");
  EXPECT_EQ(dir.read("000003.msg"), "two");
  EXPECT_EQ(Output(dir / "missing", false).check().error().code, Errc::not_found);
  EXPECT_FALSE(Output(dir / "missing", false).message(bytes("x"), "msg"));
}

TEST(Exec, TheAnswerIsWhatItWrites) {
  EXPECT_EQ(run_command("tr a-z A-Z", bytes("abc"), 100).value(), bytes("ABC"));
  EXPECT_EQ(run_command("true", bytes("abc"), 100).value(), bytes(""));
}

TEST(Exec, LargeMessagesPassBothWays) {
  const Bytes large(500000, 'x');
  EXPECT_EQ(run_command("cat", large, large.size()).value(), large);
  EXPECT_EQ(run_command("true", large, 1).value(), bytes(""));  // it does not read: its own affair
}

TEST(Exec, FailureIsARefusal) {
  EXPECT_EQ(run_command("echo x; exit 3", bytes("a"), 100).error().code, Errc::refused);
  EXPECT_EQ(run_command("kill -9 $$", bytes("a"), 100).error().code, Errc::refused);
  EXPECT_EQ(run_command("yes", bytes("a"), 1000).error().code, Errc::too_large);
}

TEST(ExitStatus, TellsWhatHappened) {
  const auto status = [](Errc code) { return exit_of(Error{code, "", 0}); };
  EXPECT_EQ(status(Errc::refused), 1);
  EXPECT_EQ(status(Errc::cancelled), 1);
  EXPECT_EQ(status(Errc::timeout), 2);
  EXPECT_EQ(status(Errc::closed), 3);
  EXPECT_EQ(status(Errc::reset), 3);
  EXPECT_EQ(status(Errc::invalid), 64);
  EXPECT_EQ(status(Errc::malformed), 65);
  EXPECT_EQ(status(Errc::not_found), 66);
  EXPECT_EQ(status(Errc::system), 70);
  EXPECT_EQ(status(Errc::in_use), 75);
  EXPECT_EQ(status(Errc::permission), 77);
}

}  // namespace
}  // namespace llp::cat
