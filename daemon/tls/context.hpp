// SPDX-License-Identifier: BSD-3-Clause
// TLS for ILLP: version 1.3 only (below it a peer must drop its reply when our
// direction ends), both ends known by certificates, an end without
// close_notify never the end of a message.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "illp/wire.hpp"

namespace llp::tls {

// Files are PEM. A key that others than its owner and group may read, or that
// anybody but its owner may write, is refused; so is an encrypted one.
struct Settings {
  std::string certificate;         // ours, followed by those that lead to the authority
  std::string key;                 // of it
  std::string authorities;         // who may have signed the peers' certificates
  std::string revoked;             // their lists of revoked certificates; empty: not asked for
  std::vector<std::string> names;  // one of them must be in a client's certificate; empty: any
  std::string server_name;         // that a server must prove, instead of the host that was called
  bool clients_prove = true;       // a client must have a certificate
};

enum class Part : std::uint8_t { certificate, key, authorities, revoked };

struct Problem {
  Part part = Part::certificate;
  Error error;
};

class Context final : public illp::Security {
 public:
  // Reads the files; may block.
  [[nodiscard]] static std::expected<std::shared_ptr<Context>, Problem> load(const Settings& settings);

  [[nodiscard]] Result<std::unique_ptr<illp::Wire>> accepted(int fd) const override;
  [[nodiscard]] Result<std::unique_ptr<illp::Wire>> called(int fd, const std::string& host) const override;
  void renew(const illp::Security& other) override;

  // When our own certificate ends; nothing: there is none.
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> expires() const;

 private:
  Context(std::shared_ptr<SSL_CTX> context, Settings settings)
      : context_(std::move(context)), settings_(std::move(settings)) {}
  std::shared_ptr<SSL_CTX> context_;  // the connections made from it keep it
  Settings settings_;
};

}  // namespace llp::tls
