// SPDX-License-Identifier: BSD-3-Clause
// Everything of libllp whose calls wait. Programs on Asio take <llp/async_client.hpp> and
// <llp/async_server.hpp>.
#pragma once

#include <llp/address.hpp>
#include <llp/client.hpp>
#include <llp/hl7.hpp>
#include <llp/illp_stream.hpp>
#include <llp/message.hpp>
#include <llp/options.hpp>
#include <llp/result.hpp>
#include <llp/server.hpp>
