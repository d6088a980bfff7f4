// SPDX-License-Identifier: BSD-3-Clause
#include "core/spool_access.hpp"

namespace llp::core {

namespace {

class Busy {
 public:
  Busy(bool& busy, Event& free) : busy_(busy), free_(free) { busy_ = true; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() {
    busy_ = false;
    free_.notify();
  }

 private:
  bool& busy_;
  Event& free_;
};

}  // namespace

template <class F>
asio::awaitable<std::invoke_result_t<F&, store::Spool&>> SpoolAccess::run(F f) {
  using R = std::invoke_result_t<F&, store::Spool&>;
  const auto self = shared_from_this();
  while (busy_) co_await free_.wait();
  std::optional<R> result;
  {
    const Busy busy(busy_, free_);
    auto job = [spool = spool_, f = std::move(f)]() mutable {
      auto done = f(*spool);
      return std::pair<R, store::SpoolState>(std::move(done), spool->state());
    };
    auto both = co_await pool_->run(std::move(job));
    if (both) {
      result.emplace(std::move(both->first));
      state_ = std::move(both->second);
    } else {
      result.emplace(std::unexpected(std::move(both.error())));
    }
  }
  changed_.notify();
  co_return std::move(*result);
}

asio::awaitable<Result<void>> SpoolAccess::open(std::shared_ptr<store::Files> files, store::Path dir,
                                                std::string line, store::SpoolLimits limits,
                                                std::vector<std::string>& notes) {
  using Opened = std::pair<std::unique_ptr<store::Spool>, std::vector<std::string>>;
  auto job = [files = std::move(files), dir = std::move(dir), line = std::move(line),
              limits]() -> Result<Opened> {
    std::vector<std::string> said;
    auto spool = store::Spool::open(files, dir, line, limits, said);
    if (!spool) return std::unexpected(std::move(spool.error()));
    return Opened(std::move(*spool), std::move(said));
  };
  auto opened = co_await pool_->run(std::move(job));
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  spool_ = std::move(opened->first);
  notes = std::move(opened->second);
  state_ = spool_->state();
  co_return Result<void>{};
}

// In a co_await a lambda must be a named variable: GCC 12 destroys a temporary
// with captures twice.

asio::awaitable<Result<store::Letter>> SpoolAccess::put(store::Bytes text, store::MessageKey key,
                                                        bool possible_duplicate) {
  auto job = [text = std::move(text), key, possible_duplicate, now = wall_clock()](store::Spool& spool) {
    return spool.put(text, key, possible_duplicate, now);
  };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<store::Bytes>> SpoolAccess::read(store::Place place, store::MessageNumber id) {
  auto job = [place, id](store::Spool& spool) { return spool.read(place, id); };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<void>> SpoolAccess::remove(store::MessageNumber id) {
  auto job = [id](store::Spool& spool) { return spool.remove(id); };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<void>> SpoolAccess::tidy() {
  auto job = [](store::Spool& spool) { return spool.tidy(); };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<void>> SpoolAccess::mark(store::MessageNumber id, bool possible_duplicate,
                                                std::uint32_t attempts) {
  auto job = [id, possible_duplicate, attempts](store::Spool& spool) {
    return spool.mark(id, possible_duplicate, attempts);
  };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<void>> SpoolAccess::bury(store::MessageNumber id, std::string reason) {
  auto job = [id, reason = std::move(reason)](store::Spool& spool) { return spool.bury(id, reason); };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<std::size_t>> SpoolAccess::keep(store::LetterKind kind, store::Bytes text) {
  auto job = [kind, text = std::move(text), now = wall_clock()](store::Spool& spool) {
    return spool.keep(kind, text, now);
  };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<void>> SpoolAccess::retry(store::MessageNumber id) {
  auto job = [id, now = wall_clock()](store::Spool& spool) { return spool.retry(id, now); };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<void>> SpoolAccess::drop(store::Place place, store::MessageNumber id) {
  auto job = [place, id](store::Spool& spool) { return spool.drop(place, id); };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<std::vector<store::Letter>>> SpoolAccess::list(store::Place place) {
  auto job = [place](store::Spool& spool) -> Result<std::vector<store::Letter>> { return spool.list(place); };
  co_return co_await run(std::move(job));
}

asio::awaitable<Result<void>> SpoolAccess::probe(std::size_t size) {
  auto job = [size](store::Spool& spool) { return spool.probe(size); };
  co_return co_await run(std::move(job));
}

}  // namespace llp::core
