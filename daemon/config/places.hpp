// SPDX-License-Identifier: BSD-3-Clause
// Ports and addresses that lines take for themselves: each can be taken once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/line_service.hpp"
#include "illp/endpoint.hpp"

namespace llp::config {

class Places {
 public:
  // What is wrong with another line's places beside those taken before: for
  // each a clause that names the other user.
  [[nodiscard]] std::vector<std::string> take(const core::LineConfig& line);
  [[nodiscard]] std::optional<std::string> take_metrics(const illp::Endpoint& address);

 private:
  struct Place {
    std::string path;  // of a device or a socket; or
    std::string host;  // TCP: an address that is listened at, "*" all; as it is compared
    std::string service;
    std::string user;  // "line chem"
  };
  [[nodiscard]] std::optional<std::string> take(const std::string& what, Place place);
  std::vector<Place> taken_;
};

}  // namespace llp::config
