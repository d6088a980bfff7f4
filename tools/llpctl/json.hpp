// SPDX-License-Identifier: BSD-3-Clause
// JSON for programs, written in the order of the calls.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llp::ctl {

// Text as a JSON string, quoted; bytes that are not ASCII as \u00NN.
[[nodiscard]] std::string json_text(std::string_view text);

// One object or array. Values that are objects themselves are added as text
// that str() made.
class Json {
 public:
  static Json object() { return Json('{', '}'); }
  static Json array() { return Json('[', ']'); }

  // Members of an object.
  Json& text(std::string_view key, std::string_view value) { return raw(key, json_text(value)); }
  Json& number(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
  Json& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  Json& raw(std::string_view key, std::string_view json) {
    return add(json_text(key) + ": " + std::string(json));
  }
  // An element of an array.
  Json& element(std::string_view json) { return add(json); }

  [[nodiscard]] std::string str() const { return open_ + body_ + close_; }

 private:
  Json(char open, char close) : open_(1, open), close_(1, close) {}
  Json& add(std::string_view what) {
    if (!body_.empty()) body_ += ", ";
    body_ += what;
    return *this;
  }
  std::string open_, close_, body_;
};

}  // namespace llp::ctl
