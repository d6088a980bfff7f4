// SPDX-License-Identifier: BSD-3-Clause
#include "llpcat/kernel_line.hpp"

#include <uapi/llp.h>

#include <cerrno>
#include <string>
#include <utility>

#include "line/kernel_line.hpp"
#include "line/kernel_setup.hpp"

namespace llp::cat {

namespace {

constexpr std::size_t kLostRoom = 65536;

// A device that is opened already, and not again: who set the line up may have other plans with it now.
class OnceDevice final : public line::MessageDevice {
 public:
  OnceDevice(std::unique_ptr<line::MessageDevice> inner, std::unique_ptr<line::MessageFile> file)
      : inner_(std::move(inner)), file_(std::move(file)) {}

  asio::awaitable<Result<std::unique_ptr<line::MessageFile>>> open() override {
    if (file_) co_return std::move(file_);
    co_return fail(Errc::reset, describe() + ": the line is gone, or was taken down");
  }
  Result<std::unique_ptr<line::MessageFile>> open_another() override { return inner_->open_another(); }
  void release() noexcept override { inner_->release(); }
  void close() noexcept override { inner_->close(); }
  std::string describe() const override { return inner_->describe(); }

 private:
  std::unique_ptr<line::MessageDevice> inner_;
  std::unique_ptr<line::MessageFile> file_;
};

Result<llp_params> params_of(line::MessageFile& file, llp_protocol protocol, const std::string& name) {
  llp_params params{};
  llp_params_default(&params, protocol);
  llp_ioc_param one{};
  for (std::uint32_t i = 0; const llp_param* row = llp_param_at(i); ++i) {
    if ((row->protocols & (1U << protocol)) == 0) continue;
    one = {};
    std::string_view(row->name).copy(one.name, sizeof one.name - 1);
    const int err = line::control(file, LLP_IOC_GET_PARAM, one);
    if (err == ENOENT) continue;  // not one of the kernel's
    if (err != 0) return fail_errno(name + ": cannot ask for its parameters", err);
    if (llp_params_set(&params, protocol, one.name, one.value) != 0) {
      return fail(Errc::invalid, name + ": its parameter " + one.name + " is not known here");
    }
  }
  return params;
}

}  // namespace

asio::awaitable<Result<KernelLine>> KernelLine::open(asio::any_io_executor executor,
                                                     std::unique_ptr<line::MessageDevice> device) {
  const std::string name = device->describe();
  auto file = co_await device->open();
  if (!file) co_return std::unexpected(std::move(file.error()));
  llp_ioc_info info{};
  if (const int err = line::control(**file, LLP_IOC_INFO, info)) {
    co_return fail_errno(name + ": cannot ask the line", err);
  }
  if ((info.flags & LLP_INFO_UP) == 0) {
    co_return fail(Errc::refused, name + ": the line is down: set it up first (llp(4))");
  }
  const auto protocol = static_cast<llp_protocol>(info.protocol);
  const auto params = params_of(**file, protocol, name);
  if (!params) co_return std::unexpected(params.error());
  auto probe = device->open_another();
  if (!probe) co_return std::unexpected(std::move(probe.error()));
  auto once = std::make_unique<OnceDevice>(std::move(device), std::move(*file));
  std::shared_ptr<line::Line> line =
      line::make_kernel_line(executor, std::move(once), protocol, *params, {}, Logger());
  co_return KernelLine(std::move(line), std::move(*probe));
}

Bytes KernelLine::take_lost() const {
  Bytes out(kLostRoom);
  llp_ioc_lost lost{};
  lost.data =
      reinterpret_cast<std::uintptr_t>(out.data());  // NOLINT(performance-no-int-to-ptr): the interface
  lost.size = static_cast<std::uint32_t>(out.size());
  if (line::control(*file_, LLP_IOC_LOST, lost) != 0) return {};
  out.resize(lost.size);
  return out;
}

}  // namespace llp::cat
