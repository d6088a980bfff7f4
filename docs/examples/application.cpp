// SPDX-License-Identifier: BSD-3-Clause
// An application in C++: takes requests over ILLP (address in the first argument) and acknowledges each.
// c++ -std=c++23 application.cpp $(pkg-config --cflags --libs llp) -o application
#include <iostream>
#include <llp/llp.hpp>

int main(int, char** argv) {
  auto server = llp::Server::listen(argv[1]);
  if (!server) return std::cerr << server.error().message << "\n", 1;
  while (auto request = server->accept()) {
    const auto ack = llp::acknowledge(request->message());
    if (!ack)
      request->cancel("not HL7");
    else if (auto done = request->reply(*ack); !done)
      std::cerr << done.error().message << "\n";
  }
}
