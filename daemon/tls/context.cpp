// SPDX-License-Identifier: BSD-3-Clause
#include "tls/context.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "tls/pem.hpp"
#include "tls/tls_wire.hpp"

namespace llp::tls {

namespace {

std::unexpected<Problem> problem(Part part, Error error) {
  return std::unexpected(Problem{part, std::move(error)});
}

std::unexpected<Problem> problem(Part part, const std::string& path) {
  return problem(part, Error{Errc::invalid, fmt::format("{}: {}", path, openssl_words()), 0});
}

using Done = std::expected<void, Problem>;

Done use_own(SSL_CTX* context, const Settings& settings) {
  auto chain = read_certificates(settings.certificate);
  if (!chain) return problem(Part::certificate, std::move(chain.error()));
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1) {
    return problem(Part::certificate, settings.certificate);
  }
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) != 1) {
      return problem(Part::certificate, settings.certificate);
    }
  }
  const auto key = read_key(settings.key);
  if (!key) return problem(Part::key, key.error());
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    ERR_clear_error();
    return problem(Part::key, Error{Errc::invalid,
                                    fmt::format("{}: is not the key of the certificate in {}", settings.key,
                                                settings.certificate),
                                    0});
  }
  if (SSL_CTX_use_PrivateKey(context, key->get()) != 1) return problem(Part::key, settings.key);
  return {};
}

Done use_authorities(SSL_CTX* context, const Settings& settings) {
  const auto authorities = read_certificates(settings.authorities);
  if (!authorities) return problem(Part::authorities, authorities.error());
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const X509Ptr& authority : *authorities) {
    if (X509_STORE_add_cert(store, authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return problem(Part::authorities, settings.authorities);
    }
  }
  if (settings.revoked.empty()) return {};
  const auto lists = read_revocations(settings.revoked);
  if (!lists) return problem(Part::revoked, lists.error());
  for (const CrlPtr& list : *lists) {
    if (X509_STORE_add_crl(store, list.get()) != 1) return problem(Part::revoked, settings.revoked);
  }
  // Of the certificate itself; an authority that fails is taken off the list.
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

bool set_up(SSL_CTX* context) noexcept {
  // Never below what OpenSSL itself asks for; a site may ask for more.
  SSL_CTX_set_security_level(context, std::max(2, SSL_CTX_get_security_level(context)));
  // Nothing is resumed: a connection is one transaction, and tickets would be
  // unread data when the client closes.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // A site's openssl.cnf must not make an end of a cut.
  SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, 0) == 1 && SSL_CTX_set_num_tickets(context, 0) == 1;
}

bool is_address(const std::string& host) {
  using Octets = std::unique_ptr<ASN1_OCTET_STRING, Deleter<ASN1_OCTET_STRING_free>>;
  const bool is = Octets(a2i_IPADDRESS(host.c_str())) != nullptr;
  ERR_clear_error();
  return is;
}

// The name or address that the peer has to have in its certificate.
bool demand(SSL* ssl, const std::string& host) {
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (is_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  return SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 && SSL_set1_host(ssl, host.c_str()) == 1;
}

}  // namespace

std::expected<std::shared_ptr<Context>, Problem> Context::load(const Settings& settings) {
  ERR_clear_error();
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  if (!context || !set_up(context.get())) return problem(Part::certificate, std::string("TLS"));
  if (!settings.certificate.empty() || !settings.key.empty()) {
    if (auto done = use_own(context.get(), settings); !done) return std::unexpected(std::move(done.error()));
  }
  if (!settings.authorities.empty()) {
    if (auto done = use_authorities(context.get(), settings); !done) {
      return std::unexpected(std::move(done.error()));
    }
  }
  return std::shared_ptr<Context>(new Context(context, settings));  // NOLINT: its constructor is its own
}

Result<std::unique_ptr<illp::Wire>> Context::accepted(int fd) const {
  ERR_clear_error();
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) return fail(Errc::system, "TLS: " + openssl_words());
  SSL_set_accept_state(ssl.get());
  if (!settings_.clients_prove) SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);
  SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  for (const std::string& name : settings_.names) {
    if (SSL_add1_host(ssl.get(), name.c_str()) != 1) return fail(Errc::system, "TLS: " + openssl_words());
  }
  return TlsWire::make(std::move(ssl), fd);
}

Result<std::unique_ptr<illp::Wire>> Context::called(int fd, const std::string& host) const {
  ERR_clear_error();
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) return fail(Errc::system, "TLS: " + openssl_words());
  SSL_set_connect_state(ssl.get());
  if (!demand(ssl.get(), settings_.server_name.empty() ? host : settings_.server_name)) {
    return fail(Errc::invalid, fmt::format("TLS: '{}' cannot be asked for: {}", host, openssl_words()));
  }
  return TlsWire::make(std::move(ssl), fd);
}

void Context::renew(const illp::Security& other) {
  const auto& with = dynamic_cast<const Context&>(other);
  context_ = with.context_;
  settings_ = with.settings_;
}

std::optional<std::chrono::system_clock::time_point> Context::expires() const {
  const X509* own = SSL_CTX_get0_certificate(context_.get());
  std::tm end{};
  if (own == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(own), &end) != 1) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&end));
}

}  // namespace llp::tls
