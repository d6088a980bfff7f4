// SPDX-License-Identifier: BSD-3-Clause
// Who had which message, and how it ended: a line of JSON for each, in a file
// that is only ever appended to. No message content; a message is known by its
// SHA-256, and where that is asked for by its number (MSH-10).
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/result.hpp"
#include "store/message_key.hpp"

namespace llp::core {

struct AuditRecord {
  std::string_view line;
  bool to_instrument = false;
  store::MessageKey key;  // of the message, or the request
  std::string_view id;    // MSH-10; empty: there is none, or it is not asked for
  std::string_view outcome;
  std::size_t reply_size = 0;
  std::string_view peer;  // the application; empty: none had to do with it
};

// The text of a record, one line with its end; for tests.
[[nodiscard]] std::string audit_line(const AuditRecord& record, std::chrono::system_clock::time_point time);

// MSH-10 of an HL7 message; at most 199 bytes of it, empty if there is none.
[[nodiscard]] std::string message_id(std::span<const std::uint8_t> text);

// Written by a thread of its own: nothing here waits for the disk, and a disk
// that takes nothing breaks nothing. What cannot be written is lost, counted,
// and said once until it goes again.
class AuditLog {
 public:
  // Opens the file, with mode 0640 if it is new. `log` is used from `executor`'s
  // thread, from which all calls come; its context must outlive this.
  [[nodiscard]] static Result<std::unique_ptr<AuditLog>> open(const asio::any_io_executor& executor,
                                                              std::filesystem::path path, bool with_ids,
                                                              Logger log);
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;
  // As close().
  ~AuditLog();

  void record(const AuditRecord& record);
  // MSH-10 is wanted.
  [[nodiscard]] bool with_ids() const noexcept { return with_ids_; }
  // The file was moved away: what comes goes to a new one of its name.
  void reopen();
  // Waits until what was recorded is written, or could not be; nothing is
  // written any more.
  void close();
  // Records that are lost.
  [[nodiscard]] std::uint64_t lost() const noexcept;

 private:
  struct Impl;
  AuditLog(std::shared_ptr<Impl> impl, bool with_ids) : impl_(std::move(impl)), with_ids_(with_ids) {}
  std::shared_ptr<Impl> impl_;
  bool with_ids_;
};

}  // namespace llp::core
