// SPDX-License-Identifier: BSD-3-Clause
#include "tls/certificates.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <atomic>
#include <ctime>
#include <fstream>
#include <stdexcept>

#include "illp/support.hpp"

namespace llp::tls::test {

namespace {

// No two certificates of a test program have the same.
long next_serial() {
  static std::atomic<long> serial = 1;
  return serial++;
}

void must(bool done) {
  if (!done) throw std::runtime_error("certificates: " + openssl_words());
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()));
  must(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

std::string file_with(const std::string& text, unsigned mode) {
  const std::string path = illp::test::temp_dir().path("pem" + std::to_string(next_serial()));
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
  return path;
}

Identity::Identity(const Wanted& wanted, const Identity* issuer)
    : key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")), certificate(X509_new()) {
  must(key && certificate);
  X509* c = certificate.get();
  X509_set_version(c, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(c), next_serial());
  X509_gmtime_adj(X509_getm_notBefore(c), wanted.from);
  X509_gmtime_adj(X509_getm_notAfter(c), wanted.until);
  X509_set_pubkey(c, key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wanted.common_name.c_str()), -1, -1, 0);
  X509* by = issuer != nullptr ? issuer->certificate.get() : c;
  X509_set_issuer_name(c, X509_get_subject_name(by));
  extend(c, by, NID_basic_constraints, wanted.authority ? "critical,CA:TRUE" : "CA:FALSE");
  if (wanted.authority) extend(c, by, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (wanted.usage != nullptr) extend(c, by, NID_ext_key_usage, wanted.usage);
  std::string all;
  for (const std::string& name : wanted.names) all += (all.empty() ? "" : ",") + name;
  if (!wanted.authority && !all.empty()) extend(c, by, NID_subject_alt_name, all);
  must(X509_sign(c, issuer != nullptr ? issuer->key.get() : key.get(), EVP_sha256()) > 0);
}

std::string Identity::certificate_file() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
  return file_with(text_of(bio.get()), 0644);
}

std::string Identity::key_file(unsigned mode, const char* passphrase) const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_PrivateKey(bio.get(), key.get(), passphrase != nullptr ? EVP_aes_256_cbc() : nullptr,
                                reinterpret_cast<const unsigned char*>(passphrase),
                                passphrase != nullptr ? static_cast<int>(std::string(passphrase).size()) : 0,
                                nullptr, nullptr) == 1);
  return file_with(text_of(bio.get()), mode);
}

std::string Identity::revoked_file(const std::vector<const Identity*>& revoked) const {
  const CrlPtr list(X509_CRL_new());
  const std::unique_ptr<ASN1_TIME, Deleter<ASN1_TIME_free>> now(X509_gmtime_adj(nullptr, -60));
  const std::unique_ptr<ASN1_TIME, Deleter<ASN1_TIME_free>> later(X509_gmtime_adj(nullptr, 86400));
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate.get()));
  X509_CRL_set1_lastUpdate(list.get(), now.get());
  X509_CRL_set1_nextUpdate(list.get(), later.get());
  for (const Identity* one : revoked) {
    X509_REVOKED* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(one->certificate.get()));
    X509_REVOKED_set_revocationDate(entry, now.get());
    must(X509_CRL_add0_revoked(list.get(), entry) == 1);
  }
  must(X509_CRL_sign(list.get(), key.get(), EVP_sha256()) > 0);
  const BioPtr bio(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509_CRL(bio.get(), list.get()) == 1);
  return file_with(text_of(bio.get()), 0644);
}

const Identity& authority() {
  static const Identity made({.common_name = "authority", .authority = true}, nullptr);
  return made;
}

}  // namespace llp::tls::test
