// SPDX-License-Identifier: BSD-3-Clause
// reader PATH [-c] [-t FIFO]: reads messages from a device of the kernel's, or from a socket.
//   -c  confirms each by a byte: what makes an acknowledgement by reading possible over a socket
//   -t  tells the other station of each, where the protocol does not
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
  strcpy(address.sun_path, path);
  line = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (line < 0 || connect(line, (struct sockaddr*)&address, sizeof address) != 0) {
    fail(path);
  }
  return line;
}

int main(int argc, char** argv) {
  static char message[MESSAGE_MAX];
  int confirm = 0;
  int told = -1;
  int option;
  while ((option = getopt(argc, argv, "ct:")) >= 0) {
    if (option == 'c') {
      confirm = 1;
    } else if (option != 't' || (told = open(optarg, O_WRONLY)) < 0) {
      fail("reader");
    }
  }
  if (optind != argc - 1) {
    fail("reader");
  }
  int line = open_line(argv[optind]);
  while (read(line, message, sizeof message) > 0) {
    if ((confirm && write(line, "", 1) != 1) || (told >= 0 && write(told, "", 1) != 1)) {
      fail("reader");
    }
  }
  return 0;
}
