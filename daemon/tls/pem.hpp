// SPDX-License-Identifier: BSD-3-Clause
// Certificates, keys and lists of revoked certificates from PEM files. Not for
// use outside daemon/tls.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace llp::tls {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Deleter<X509_CRL_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free>>;
using SslPtr = std::unique_ptr<SSL, Deleter<SSL_free>>;

// At least one; Errc::malformed, not_found, permission, ...
[[nodiscard]] Result<std::vector<X509Ptr>> read_certificates(const std::string& path);
[[nodiscard]] Result<std::vector<CrlPtr>> read_revocations(const std::string& path);
// Errc::permission also for a file that too many may read or write.
[[nodiscard]] Result<KeyPtr> read_key(const std::string& path);

// What OpenSSL has to say, in words; empties its queue.
[[nodiscard]] std::string openssl_words();

}  // namespace llp::tls
