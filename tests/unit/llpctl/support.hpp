// SPDX-License-Identifier: BSD-3-Clause
// llpctl as a whole against a model of the kernel, of serial ports and of the
// system's programs.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "llpctl/context.hpp"
#include "llpctl/doctor_system.hpp"
#include "netlink/model/model_kernel.hpp"

namespace llp::ctl::test {

// Serial ports and processes; attaching makes a line of the model kernel.
struct ModelPorts {
  netlink::ModelKernel* kernel = nullptr;
  std::string table = "n_tty 0\nn_llp 29\n";
  std::map<std::string, std::string> ports{{"/dev/ttyS1", "ttyS1"}, {"/dev/serial/by-id/a", "ttyUSB0"}};
  std::optional<Error> open_fails, attach_fails, end_fails;
  std::vector<attach::Holder> holders;
  attach::End end = attach::End::told;
  // What happened, in order.
  std::vector<std::string> log;
  int pauses_until_gone = 2;
  bool ended = false;
};

class ModelPort final : public attach::AttachPort {
 public:
  ModelPort(ModelPorts& ports, std::string tty) : ports_(ports), tty_(std::move(tty)) {}
  ~ModelPort() override {
    ports_.log.push_back("close " + tty_);
    if (line_) ports_.kernel->detach(*line_);
  }
  Result<std::uint32_t> attach(int ldisc) override {
    if (ports_.attach_fails) return std::unexpected(*ports_.attach_fails);
    ports_.log.push_back("attach " + std::to_string(ldisc));
    line_ = ports_.kernel->attach(tty_);
    return *line_;
  }
  std::vector<std::string> notes() const override { return {"no low latency: it is a model"}; }
  Result<attach::End> wait() override {
    const auto& line = ports_.kernel->line(*line_);
    ports_.log.push_back("waits, " + std::string(line.up ? "up" : "down") + " as " + line.name);
    return ports_.end;
  }

 private:
  ModelPorts& ports_;
  std::string tty_;
  std::optional<std::uint32_t> line_;
};

class ModelSystem final : public attach::AttachSystem {
 public:
  explicit ModelSystem(ModelPorts& ports) : ports_(ports) {}
  std::string ldiscs() override { return ports_.table; }
  Result<std::unique_ptr<attach::AttachPort>> open(const io::Tty& tty, const std::string& lock_dir,
                                                   bool low_latency) override {
    if (ports_.open_fails) return std::unexpected(*ports_.open_fails);
    ports_.log.push_back("open " + io::describe(io::LineSpec(tty)) + " lock " + lock_dir +
                         (low_latency ? " fast" : ""));
    return std::make_unique<ModelPort>(ports_, ports_.ports.at(tty.device));
  }
  Result<std::string> tty_name(const std::string& device) override {
    const auto found = ports_.ports.find(device);
    if (found == ports_.ports.end()) return fail_errno(device, ENOENT);
    return found->second;
  }
  std::vector<attach::Holder> holders(const std::string&) override { return ports_.holders; }
  Result<void> end(pid_t pid) override {
    if (ports_.end_fails) return std::unexpected(*ports_.end_fails);
    ports_.log.push_back("end " + std::to_string(pid));
    ports_.ended = true;
    return {};
  }
  Result<void> take_off(const std::string& device) override {
    ports_.log.push_back("take off " + device);
    return {};
  }
  void pause() override {
    if (ports_.ended && --ports_.pauses_until_gone == 0) ports_.kernel->detach(0);
  }
  void notify(const std::string& state) override { ports_.log.push_back(state); }

 private:
  ModelPorts& ports_;
};

class Llpctl : public ::testing::Test {
 protected:
  Llpctl() {
    dir_ = std::filesystem::path(::testing::TempDir()) /
           ("llpctl-" + std::to_string(::getpid()) + "-" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(dir_);
    ports.kernel = &kernel;
  }
  ~Llpctl() override { std::filesystem::remove_all(dir_); }

  // What the program works with here.
  Context make_context() {
    Context context{
        .open_kernel = [this]() -> Result<std::unique_ptr<netlink::KernelControl>> {
          if (no_kernel) return std::unexpected(*no_kernel);
          return kernel.control();
        },
        .attach_system = [this] { return std::make_unique<ModelSystem>(ports); },
        .device = [this](const std::string& node) { return device(node); },
        .execute = [this](const std::vector<std::string>& command) -> Result<std::string> {
          std::string all;
          for (const auto& word : command) all += (all.empty() ? "" : " ") + word;
          executed.push_back(all);
          const auto answer = programs.find(all);
          return answer == programs.end() ? std::string() : answer->second;
        },
        .time_of_day = [](std::uint64_t ns) { return "t=" + std::to_string(ns / 1'000'000); },
        .ask_daemon = [this](const Json& request) { return daemon(request); },
        .doctor_system = [this] { return doctor_system(); },
        .confirm =
            [this](const std::string& question) {
              questions.push_back(question);
              return says;
            },
        .print = [this](std::string_view text) { out += text; },
        .complain = [this](std::string_view text) { err += std::string(text) + "\n"; },
        .io = io,
        .terminal = terminal,
        .dev_dir = dir_,
        .rules_dir = dir_ / "rules.d",
        .lines_dir = dir_ / "lines.d",
    };
    context.daemon_events = daemon_events();
    context.columns = columns;
    context.colour = colour;
    return context;
  }

  // The program with these words; its exit status. Output in out, errors in err.
  int run(std::vector<std::string> words) {
    out.clear();
    err.clear();
    io.restart();
    Context context = make_context();
    CLI::App app("", "llpctl");
    ctl::Run verb;
    add_verbs(app, context, verb);
    std::ranges::reverse(words);
    try {
      app.parse(std::move(words));
    } catch (const CLI::ParseError& e) {
      err += usage_words(app, e);
      return 64;
    }
    return verb();
  }

  // What was printed is what stands in golden/NAME. LLP_UPDATE_GOLDEN=1 writes it.
  void expect_golden(const std::string& name) {
    const std::string path = std::string(LLP_GOLDEN) + "/" + name;
    if (std::getenv("LLP_UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
      std::ofstream(path) << out;
      return;
    }
    std::ifstream in(path);
    EXPECT_EQ(out, std::string(std::istreambuf_iterator<char>(in), {})) << path;
  }

  std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(dir_ / file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  using Json = nlohmann::ordered_json;
  virtual Result<Json> daemon(const Json&) { return fail(Errc::refused, "no llpd answers"); }
  virtual OpenDaemonEvents daemon_events() { return {}; }
  virtual std::unique_ptr<DoctorSystem> doctor_system() { return nullptr; }
  std::vector<std::string> questions;
  std::optional<bool> says;  // a person, when asked

  virtual std::unique_ptr<line::MessageDevice> device(const std::string&) { return nullptr; }

  asio::io_context io;
  netlink::ModelKernel kernel{io.get_executor()};
  ModelPorts ports;
  std::optional<Error> no_kernel;
  std::map<std::string, std::string> programs;  // what they print
  std::vector<std::string> executed;
  bool terminal = false, colour = false;
  unsigned columns = 80;
  std::string out, err;
  std::filesystem::path dir_;
};

}  // namespace llp::ctl::test
