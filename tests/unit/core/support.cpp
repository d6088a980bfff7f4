// SPDX-License-Identifier: BSD-3-Clause
#include "core/support.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace llp::core::test {

App::App(Loop& loop, const illp::Options& options, illp::Endpoint at)
    : loop_(loop), endpoint_(std::move(at)), changed_(loop.executor()) {
  illp::ServerOptions server;
  server.illp = options;
  server_ =
      std::make_unique<illp::Server>(loop.executor(), server, [this](Ptr t) { return handle(std::move(t)); });
  auto up = loop.run(server_->listen(endpoint_));
  if (!up) throw std::runtime_error(up.error().message);
  if (auto* tcp = std::get_if<illp::TcpEndpoint>(&endpoint_))
    tcp->service = std::to_string(server_->ports().at(0));
}

asio::awaitable<void> App::handle(Ptr transaction) {
  requests.push_back(text(transaction->request()));
  if (answer) {
    const auto reply = bytes(answer(requests.back()));
    co_await transaction->reply(reply);
    co_return;
  }
  waiting.push_back(transaction);
  while (!transaction->ended()) {
    const bool gone = co_await transaction->wait_gone();
    (void)gone;
  }
}

namespace {

asio::awaitable<void> reply_to(App::Ptr transaction, std::string what) {
  const auto data = bytes(what);
  co_await transaction->reply(data);
}
asio::awaitable<void> cancel_it(App::Ptr transaction) { co_await transaction->cancel("test"); }

asio::awaitable<void> exchange_on(std::shared_ptr<Call> call, std::string request) {
  const auto data = bytes(request);
  auto result = co_await illp::exchange(*call->transaction, data, std::nullopt);
  if (result) call->transaction->close();
  call->result = std::move(result);
}

}  // namespace

void App::reply(std::size_t i, std::string what) { loop_.start(reply_to(waiting.at(i), std::move(what))); }
void App::can(std::size_t i) { loop_.start(cancel_it(waiting.at(i))); }

std::string make_temp_dir() {
  std::string path = (std::filesystem::temp_directory_path() / "llp-core-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
  return path;
}

illp::Options quick_options() {
  illp::Options options;
  options.connect_timeout = 5s;
  options.connect_tries = 2;
  options.connect_pause = 20ms;
  options.drain_time = 100ms;
  return options;
}

llp_params quick_params(llp_protocol protocol) {
  llp_params params{};
  llp_params_default(&params, protocol);
  return params;
}

Bench::Bench() {
  config.name = "lab";
  config.runtime_dir = make_temp_dir();
  config.illp = quick_options();
  config.retry_min = 30ms;
  config.retry_max = 100ms;
  config.stop_grace = 200ms;
  config.params = quick_params(LLP_PROTO_X328);
}

Bench::~Bench() {
  if (service) {
    loop.run(service->stop());
    service.reset();
  }
  std::filesystem::remove_all(config.runtime_dir);
}

void Bench::protocol(llp_protocol p, unsigned release) {
  config.protocol = p;
  config.params = quick_params(p);
  if (p == LLP_PROTO_MLLP) config.params.release = release;
}

Result<void> Bench::try_up() {
  auto made = std::make_unique<FakeLine>(loop.executor(), config.protocol, config.params);
  line = made.get();
  const Logger logger([this](LogLevel, std::string_view text) { log.emplace_back(text); }, LogLevel::debug);
  service = std::make_unique<LineService>(loop.executor(), config, std::move(made), logger);
  return loop.run(service->start());
}

void Bench::up() {
  const auto up = try_up();
  ASSERT_TRUE(up) << up.error().message;
}

std::shared_ptr<Call> Bench::call(const std::string& request) {
  auto call = std::make_shared<Call>();
  call->transaction = std::make_unique<illp::ClientTransaction>(
      loop.executor(), illp::TcpEndpoint{"127.0.0.1", std::to_string(service->dist_port())}, quick_options());
  loop.start(exchange_on(call, request));
  return call;
}

bool Bench::queued(std::size_t count) {
  return until([&] {
    const auto waits = [](const std::string& l) { return l.ends_with("waits for the line"); };
    return static_cast<std::size_t>(std::ranges::count_if(log, waits)) >= count;
  });
}

bool Bench::logged(std::string_view part) const {
  return std::ranges::any_of(log, [&](const std::string& l) { return l.find(part) != std::string::npos; });
}

}  // namespace llp::core::test
