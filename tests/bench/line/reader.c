// SPDX-License-Identifier: BSD-3-Clause
// reader PATH CONFIRM [FIFO]: reads messages from a device of the kernel's, or from a socket.
// CONFIRM 1: confirms each by a byte, which makes an acknowledgement by reading possible over a
// socket. FIFO: tells the other station of each, where the protocol does not.
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "raw.h"

enum { MESSAGE_MAX = 65536 };

static int open_line(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int line = open(path, O_RDWR);
  if (line >= 0) {
    return line;
  }
  if (strlen(path) >= sizeof address.sun_path) {
    fail(path);
  }
  memcpy(address.sun_path, path, strlen(path) + 1);
  line = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (line < 0 || connect(line, (struct sockaddr*)&address, sizeof address) != 0) {
    fail(path);
  }
  return line;
}

int main(int argc, char** argv) {
  static char message[MESSAGE_MAX];
  if (argc < 3) {
    fail("reader PATH CONFIRM [FIFO]");
  }
  const int confirm = number_of(argv[2]) != 0;
  const int told = argc > 3 ? open(argv[3], O_WRONLY) : -1;
  const int line = open_line(argv[1]);
  while (read(line, message, sizeof message) > 0) {
    if ((confirm && write(line, "", 1) != 1) || (told >= 0 && write(told, "", 1) != 1)) {
      fail("reader");
    }
  }
  return 0;
}
