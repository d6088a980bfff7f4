// SPDX-License-Identifier: BSD-3-Clause
#include <libudev.h>

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "udev/udev_source.hpp"

namespace llp::udev {

namespace {

// Serial ports, and the message devices of n_llp.
constexpr std::array kSubsystems{"tty", "llp"};

template <auto Unref>
struct Release {
  void operator()(auto* thing) const noexcept { Unref(thing); }
};
using Udev = std::unique_ptr<::udev, Release<::udev_unref>>;
using Device = std::unique_ptr<::udev_device, Release<::udev_device_unref>>;
using Enumerate = std::unique_ptr<::udev_enumerate, Release<::udev_enumerate_unref>>;
using Monitor = std::unique_ptr<::udev_monitor, Release<::udev_monitor_unref>>;

std::optional<Port> port_of(::udev_device* device) {
  const char* node = ::udev_device_get_devnode(device);
  if (node == nullptr) return std::nullopt;
  Port port{node, {}};
  for (auto* entry = ::udev_device_get_properties_list_entry(device); entry != nullptr;
       entry = ::udev_list_entry_get_next(entry)) {
    const char* value = ::udev_list_entry_get_value(entry);
    port.properties.emplace(::udev_list_entry_get_name(entry), value != nullptr ? value : "");
  }
  return port;
}

class LibudevSource final : public UdevSource {
 public:
  explicit LibudevSource(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  ~LibudevSource() override { LibudevSource::stop(); }

  Result<std::vector<Port>> ports() override;
  Result<void> start(std::function<void(const Port*)> changed) override;
  void stop() noexcept override;

 private:
  // What the waiting handler shares with the source, which may go before it.
  struct State {
    explicit State(const asio::any_io_executor& executor) : descriptor(executor) {}
    Udev udev;
    Monitor monitor;
    asio::posix::stream_descriptor descriptor;  // the monitor's, which owns it
    std::function<void(const Port*)> changed;
    bool stopped = false;
  };
  static void listen(const std::shared_ptr<State>& state);
  static void take_news(State& state);

  asio::any_io_executor executor_;
  std::shared_ptr<State> state_;
};

Result<std::vector<Port>> LibudevSource::ports() {
  // libudev's objects belong to one thread: this call has its own.
  const Udev udev(::udev_new());
  if (!udev) return fail_errno("libudev");
  std::vector<Port> found;
  for (const char* subsystem : kSubsystems) {
    const Enumerate enumerate(::udev_enumerate_new(udev.get()));
    if (!enumerate) return fail_errno("libudev");
    int error = ::udev_enumerate_add_match_subsystem(enumerate.get(), subsystem);
    if (error >= 0) error = ::udev_enumerate_scan_devices(enumerate.get());
    if (error < 0) return fail_errno("libudev cannot list the serial ports", -error);
    for (auto* entry = ::udev_enumerate_get_list_entry(enumerate.get()); entry != nullptr;
         entry = ::udev_list_entry_get_next(entry)) {
      const Device device(::udev_device_new_from_syspath(udev.get(), ::udev_list_entry_get_name(entry)));
      if (!device) continue;  // it went meanwhile
      if (auto port = port_of(device.get())) found.push_back(std::move(*port));
    }
  }
  return found;
}

Result<void> LibudevSource::start(std::function<void(const Port*)> changed) {
  stop();
  auto state = std::make_shared<State>(executor_);
  state->changed = std::move(changed);
  state->udev.reset(::udev_new());
  if (!state->udev) return fail_errno("libudev");
  // What udev tells after its rules were applied: names and permissions are set.
  state->monitor.reset(::udev_monitor_new_from_netlink(state->udev.get(), "udev"));
  if (!state->monitor) return fail_errno("libudev cannot listen for ports");
  for (const char* subsystem : kSubsystems) {
    const int error =
        ::udev_monitor_filter_add_match_subsystem_devtype(state->monitor.get(), subsystem, nullptr);
    if (error < 0) return fail_errno("libudev cannot listen for ports", -error);
  }
  if (const int error = ::udev_monitor_enable_receiving(state->monitor.get()); error < 0) {
    return fail_errno("libudev cannot listen for ports", -error);
  }
  asio::error_code error;
  state->descriptor.assign(::udev_monitor_get_fd(state->monitor.get()), error);
  if (error) return fail_errno("libudev cannot listen for ports", error.value());
  state_ = std::move(state);
  listen(state_);
  return {};
}

void LibudevSource::stop() noexcept {
  const auto state = std::exchange(state_, nullptr);
  if (!state) return;
  state->stopped = true;
  state->descriptor.release();  // ends the wait; the monitor closes it
}

void LibudevSource::listen(const std::shared_ptr<State>& state) {
  state->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                               [state](const asio::error_code& error) {
                                 if (error || state->stopped) return;
                                 take_news(*state);
                                 if (!state->stopped) listen(state);
                               });
}

void LibudevSource::take_news(State& state) {
  while (!state.stopped) {
    errno = 0;
    const Device device(::udev_monitor_receive_device(state.monitor.get()));
    if (!device) {
      if (errno == ENOBUFS) {
        state.changed(nullptr);
        continue;
      }
      return;
    }
    if (const auto port = port_of(device.get())) state.changed(&*port);
  }
}

}  // namespace

std::unique_ptr<UdevSource> make_udev_source(asio::any_io_executor executor) {
  return std::make_unique<LibudevSource>(std::move(executor));
}

}  // namespace llp::udev
