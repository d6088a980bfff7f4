// SPDX-License-Identifier: BSD-3-Clause
// Ports by selector and by path, and the news that they have come: on a model of
// udev, and on the real file system.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/worker_pool.hpp"
#include "io/make_stream.hpp"
#include "udev/file_watch.hpp"
#include "udev/model_udev.hpp"
#include "udev/port_finder.hpp"

namespace llp::udev::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

Port usb(const std::string& node, const std::string& serial, const std::string& interface = "00") {
  return {node,
          {{"ID_SERIAL_SHORT", serial},
           {"ID_USB_INTERFACE_NUM", interface},
           {"ID_PATH", "pci-0000:00:14.0-usb-0:2:1.0"},
           {"DEVLINKS", "/dev/serial/by-id/usb-" + serial + " /dev/llp-port"}}};
}

TEST(Selector, IsToldFromAPath) {
  EXPECT_TRUE(io::is_selector("serial=A1"));
  EXPECT_TRUE(io::is_selector("colour=red"));  // meant to be one
  EXPECT_FALSE(io::is_selector("/dev/ttyS0"));
  EXPECT_FALSE(io::is_selector("/dev/by-id/a=b"));
  EXPECT_FALSE(io::is_selector("dir/a=b"));
  EXPECT_FALSE(io::is_selector("ttyS0"));
  EXPECT_FALSE(io::is_selector("=x"));
}

TEST(Selector, HasParts) {
  const auto selector = io::parse_selector("path=pci-0000:00:14.0-usb-0:2:1.0+interface=01");
  ASSERT_TRUE(selector);
  ASSERT_EQ(selector->parts.size(), 2U);
  EXPECT_EQ(selector->parts[0].property, "ID_PATH");
  EXPECT_EQ(selector->parts[0].value, "pci-0000:00:14.0-usb-0:2:1.0");
  EXPECT_EQ(selector->parts[1].property, "ID_USB_INTERFACE_NUM");
  EXPECT_EQ(selector->parts[1].value, "01");
}

TEST(Selector, SaysWhatIsAllowed) {
  EXPECT_EQ(io::parse_selector("colour=red").error().message,
            "'colour=red' does not name a port: write serial=, path=, interface=, vendor=, model=, label=, "
            "joined with + where one is not enough");
  EXPECT_FALSE(io::parse_selector("serial="));
  EXPECT_FALSE(io::parse_selector("serial=A B"));
  EXPECT_FALSE(io::parse_selector("serial=A+interface"));
  EXPECT_FALSE(io::parse_selector("serial=A+"));
  EXPECT_FALSE(io::parse_selector("serial=A\n"));
  EXPECT_EQ(io::parse_selector("serial=A+serial=B").error().message, "serial= is given twice");
  EXPECT_FALSE(io::parse_selector("serial=" + std::string(256, 'x')));
}

class Finder : public testing::Test {
 protected:
  Finder() {
    std::string name = testing::TempDir() + "llp-udev-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory");
    dir = name;
  }
  ~Finder() override {
    if (finder) finder->stop();
    fs::remove_all(dir);
  }
  void make() {
    finder = std::make_shared<PortFinder>(context.get_executor(), std::make_unique<ModelSource>(machine),
                                          Logger());
  }
  [[nodiscard]] bool until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      context.restart();
      context.run_one_for(20ms);
    }
    return condition();
  }
  void turn(std::chrono::milliseconds time = 50ms) {
    context.restart();
    context.run_for(time);
  }

  fs::path dir;
  asio::io_context context;
  std::shared_ptr<ModelMachine> machine = std::make_shared<ModelMachine>();
  std::shared_ptr<PortFinder> finder;
};

TEST_F(Finder, FindsBySerialNumber) {
  make();
  machine->plug(usb("/dev/ttyUSB0", "A1"));
  machine->plug(usb("/dev/ttyUSB1", "B2"));
  EXPECT_EQ(finder->find("serial=B2").value(), "/dev/ttyUSB1");
  const auto missing = finder->find("serial=C3");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  const auto watch = finder->watch("serial=C3", [] {});
  EXPECT_TRUE(watch->announces());
  EXPECT_EQ(missing.error().message, "no serial port has serial=C3");
}

TEST_F(Finder, SeveralThatFitAreNone) {
  make();
  machine->plug(usb("/dev/ttyUSB1", "A1", "01"));
  machine->plug(usb("/dev/ttyUSB0", "A1", "00"));
  const auto both = finder->find("serial=A1");
  ASSERT_FALSE(both);
  EXPECT_EQ(
      both.error().message,
      "several serial ports have serial=A1: /dev/ttyUSB0, /dev/ttyUSB1; add what tells them apart, such as "
      "+interface=00");
  EXPECT_EQ(finder->find("serial=A1+interface=01").value(), "/dev/ttyUSB1");
}

TEST_F(Finder, TellsWhoIsConcernedOnly) {
  make();
  int a = 0;
  int b = 0;
  int path = 0;
  const auto watch_a = finder->watch("serial=A1", [&] { ++a; });
  auto watch_b = finder->watch("serial=B2", [&] { ++b; });
  const auto watch_path = finder->watch("/dev/serial/by-id/usb-A1", [&] { ++path; });
  machine->plug(usb("/dev/ttyUSB0", "A1"));
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 0);
  EXPECT_EQ(path, 1);
  machine->unplug("/dev/ttyUSB0");
  EXPECT_EQ(a, 2);
  machine->lose_news();
  EXPECT_EQ(a, 3);
  EXPECT_EQ(b, 1);
  EXPECT_EQ(path, 3);
  watch_b.reset();
  machine->lose_news();
  EXPECT_EQ(b, 1);
}

TEST_F(Finder, AWatchMayEndOthersAndItself) {
  make();
  std::unique_ptr<io::PortWatch::Watch> first;
  std::unique_ptr<io::PortWatch::Watch> second;
  int told = 0;
  const auto end_both = [&] {
    ++told;
    first.reset();
    second.reset();
  };
  first = finder->watch("serial=A1", end_both);
  second = finder->watch("serial=A1", end_both);
  machine->plug(usb("/dev/ttyUSB0", "A1"));
  EXPECT_EQ(told, 1);
}

TEST_F(Finder, WithoutNewsItSaysSo) {
  machine->silent = true;
  make();
  const auto watch = finder->watch("serial=A1", [] {});
  EXPECT_FALSE(watch->announces());
}

TEST_F(Finder, TellsThatAPathHasCome) {
  make();
  const fs::path port = dir / "port";
  bool told = false;
  const auto watch = finder->watch(port, [&] { told = true; });
  EXPECT_FALSE(watch->announces()) << "nobody has looked";
  const auto missing = finder->find(port);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_EQ(missing.error().sys_errno, ENOENT);
  EXPECT_TRUE(watch->announces());
  std::ofstream(dir / "another") << "x";
  turn();
  EXPECT_FALSE(told) << "another name";
  std::ofstream(port) << "x";
  EXPECT_TRUE(until([&] { return told; }));
  EXPECT_EQ(finder->find(port).value(), port.native());
}

TEST_F(Finder, TellsThatADirectoryOrALinkOnTheWayHasCome) {
  make();
  const fs::path port = dir / "a" / "b" / "port";
  int told = 0;
  const auto watch = finder->watch(port, [&] { ++told; });
  for (const auto& step : {dir / "a", dir / "a" / "b"}) {
    const int before = told;
    EXPECT_FALSE(finder->find(port));
    fs::create_directory(step);
    EXPECT_TRUE(until([&] { return told > before; })) << step;
  }
  fs::create_symlink("target", port);  // leads nowhere
  EXPECT_FALSE(finder->find(port));
  turn();
  const int before = told;
  std::ofstream(dir / "a" / "b" / "target") << "x";
  EXPECT_TRUE(until([&] { return told > before; }));
  EXPECT_TRUE(finder->find(port));
}

TEST_F(Finder, TellsOfChangedPermissions) {
  make();
  const fs::path port = dir / "port";
  bool told = false;
  const auto watch = finder->watch(port, [&] { told = true; });
  EXPECT_FALSE(finder->find(port));
  std::ofstream(port) << "x";
  ASSERT_TRUE(until([&] { return told; }));
  turn();
  told = false;
  fs::permissions(port, fs::perms::owner_read);
  EXPECT_TRUE(until([&] { return told; }));
}

TEST(FileWatch, LeavesNothingWatchedBehind) {
  asio::io_context context;
  std::string name = testing::TempDir() + "llp-udev-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  FileWatch watch(context.get_executor(), [](const std::string*) {});
  ASSERT_TRUE(watch.arm(name + "/one"));
  ASSERT_TRUE(watch.arm(name + "/two"));
  ASSERT_TRUE(watch.arm(name + "/one"));
  EXPECT_EQ(watch.directories(), 1U);
  watch.disarm(name + "/one");
  EXPECT_EQ(watch.directories(), 1U);
  watch.disarm(name + "/two");
  EXPECT_EQ(watch.directories(), 0U);
  watch.stop();
  EXPECT_FALSE(watch.arm(name + "/one"));
  EXPECT_FALSE(watch.armed(name + "/one"));
  fs::remove_all(name);
}

TEST(FileWatch, ADirectoryThatGoesIsNews) {
  asio::io_context context;
  std::string name = testing::TempDir() + "llp-udev-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  std::optional<std::string> told;
  FileWatch watch(context.get_executor(),
                  [&](const std::string* path) { told = path != nullptr ? *path : ""; });
  ASSERT_TRUE(watch.arm(name + "/one"));
  fs::remove_all(name);
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!told && std::chrono::steady_clock::now() < end) context.run_one_for(20ms);
  EXPECT_EQ(told, name + "/one");
}

// The real thing answers, with whatever this machine has; nothing is left in the
// loop after stop().
TEST(Libudev, ListsAndLetsGo) {
  asio::io_context context;
  const auto source = make_udev_source(context.get_executor());
  const auto ports = source->ports();
  ASSERT_TRUE(ports) << ports.error().message;
  for (const Port& port : *ports) EXPECT_TRUE(port.node.starts_with("/dev/")) << port.node;
  const auto started = source->start([](const Port*) {});
  if (!started) GTEST_SKIP() << started.error().message;
  source->stop();
  context.run_for(10s);
  EXPECT_TRUE(context.stopped()) << "the loop is still held";
}

// A serial line on a port that is plugged in, unplugged and plugged in again:
// looked for only when the model says that something changed.
class Plugged : public Finder {
 protected:
  // A pseudo terminal as an adapter with a serial number.
  void plug() {
    master = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    ASSERT_EQ(::grantpt(master.get()), 0);
    ASSERT_EQ(::unlockpt(master.get()), 0);
    node = ::ptsname(master.get());  // NOLINT(concurrency-mt-unsafe): nobody else asks
    machine->plug({node, {{"ID_SERIAL_SHORT", "A1"}}});
  }
  void unplug() {
    master.reset();
    machine->unplug(node);
  }
  int listings() {
    const std::lock_guard lock(machine->mutex);
    return machine->listings;
  }
  std::shared_ptr<WorkerPool> pool = std::make_shared<WorkerPool>(2);
  UniqueFd master;
  std::string node;
};

asio::awaitable<void> open_and_read(io::ByteStream& stream, int& opened, int& lost, bool& over) {
  std::array<std::uint8_t, 16> bytes{};
  std::array<std::uint8_t, 16> flags{};
  for (;;) {
    const auto open = co_await stream.open();
    if (!open) break;
    ++opened;
    for (;;) {
      const auto got = co_await stream.read_some(bytes, flags);
      if (!got) break;
    }
    ++lost;
  }
  over = true;
}

TEST_F(Plugged, ALineWaitsWithoutLooking) {
  make();
  io::StreamOptions options;
  options.pool = pool;
  options.ports = finder;
  options.lock_dir = dir;
  options.wait_for_device = true;
  options.reopen_min = options.reopen_max = 1ms;
  auto stream = io::make_stream(context.get_executor(),
                                io::Tty{"serial=A1", 9600, {}, io::TtyFlow::none, true}, options, Logger());
  ASSERT_TRUE(stream) << stream.error().message;
  int opened = 0;
  int lost = 0;
  bool over = false;
  asio::co_spawn(context, open_and_read(**stream, opened, lost, over), asio::detached);
  ASSERT_TRUE(until([&] { return listings() == 1; }));
  turn(100ms);  // a hundred times reopen_max
  EXPECT_EQ(listings(), 1) << "it looks for the port again and again";
  plug();
  ASSERT_TRUE(until([&] { return opened == 1; }));
  unplug();
  ASSERT_TRUE(until([&] { return lost == 1; }));
  turn(100ms);
  const int looks = listings();
  turn(100ms);
  EXPECT_EQ(listings(), looks);
  plug();
  ASSERT_TRUE(until([&] { return opened == 2; }));
  (*stream)->close();
  EXPECT_TRUE(until([&] { return over; }));
}

}  // namespace
}  // namespace llp::udev::test
