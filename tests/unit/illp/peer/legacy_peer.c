/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An application as it was written for the original, and a client: a process
 * for each connection, not armed, urgent bytes not inline but by SIGURG and
 * recv(MSG_OOB), plain read() and write(), close() by the end of the process.
 *
 *	legacy_peer server N		says its port; answers N connections, one after
 *					the other, with "old:" and the request
 *	legacy_peer client PORT		sends standard input; writes the reply
 *
 * Exit status: 0; 24, CAN, for one in mid message (of the last connection); 1 for
 * anything else. It is a program of its own since nothing that watches memory
 * or threads bears a handler that jumps.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STX = 0x02, CAN = 0x18 };

/* NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): a handler of signals gets nothing else */
static sigjmp_buf urgent_jump;
static volatile sig_atomic_t urgent_fd = -1;
static volatile sig_atomic_t urgent_value;
/* NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables) */

static void on_urgent(int number) {
  unsigned char byte = 0;

  (void)number;
  if (recv((int)urgent_fd, &byte, 1, MSG_OOB) != 1) return;
  urgent_value = byte;
  siglongjmp(urgent_jump, 1);
}

static void catch_urgent(int fd) {
  struct sigaction action;

  memset(&action, 0, sizeof action);
  action.sa_handler = on_urgent;
  urgent_fd = fd;
  sigaction(SIGURG, &action, NULL);
  fcntl(fd, F_SETOWN, getpid());
}

/* Reads a message to its end; STX starts it again, CAN ends the process. */
static size_t read_message(int fd, char* buffer, size_t size) {
  volatile size_t length = 0;

  if (sigsetjmp(urgent_jump, 1) != 0) {
    char sink[512];

    if (urgent_value != STX) _exit(urgent_value == CAN ? CAN : 1);
    /* What lies before the mark is void: read up to it. */
    while (sockatmark(fd) == 0 && read(fd, sink, sizeof sink) > 0) {
    }
    length = 0;
  } else {
    struct pollfd notice = {fd, POLLPRI, 0};

    catch_urgent(fd); /* not earlier: the handler needs somewhere to jump to */
    /* What came before there was a handler sent no signal. */
    if (poll(&notice, 1, 0) == 1 && (notice.revents & POLLPRI) != 0) (void)raise(SIGURG);
  }
  for (;;) {
    const ssize_t n = read(fd, buffer + length, size - length);

    if (n < 0 && errno == EINTR) continue;
    if (n < 0) _exit(1);
    if (n == 0) return length;
    length += (size_t)n;
  }
}

static void write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, size);

    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(1);
    data += n;
    size -= (size_t)n;
  }
}

static struct sockaddr_in loopback(unsigned port) {
  struct sockaddr_in address;

  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/* One message each way, in the process of one connection. */
static void answer(int fd) {
  static char buffer[65536];
  const size_t length = read_message(fd, buffer, sizeof buffer);

  write_all(fd, "old:", 4);
  write_all(fd, buffer, length);
  _exit(0);
}

static int serve(long connections) {
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  int status = 0;

  if (listener < 0 || bind(listener, (struct sockaddr*)&address, size) != 0 || listen(listener, 8) != 0 ||
      getsockname(listener, (struct sockaddr*)&address, &size) != 0)
    return 1;
  if (printf("%u\n", (unsigned)ntohs(address.sin_port)) < 0 || fflush(stdout) != 0) return 1;
  while (connections-- > 0) {
    const int fd = accept(listener, NULL, NULL);
    const pid_t child = fd < 0 ? -1 : fork();

    if (child == 0) answer(fd);
    if (child < 0) return 1;
    close(fd);
    if (waitpid(child, &status, 0) != child) return 1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int call(unsigned port) {
  static char buffer[65536];
  const struct sockaddr_in address = loopback(port);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  size_t length = 0;

  if (fd < 0 || connect(fd, (const struct sockaddr*)&address, sizeof address) != 0) return 1;
  for (;;) {
    const ssize_t n = read(STDIN_FILENO, buffer + length, sizeof buffer - length);

    if (n < 0) return 1;
    if (n == 0) break;
    length += (size_t)n;
  }
  write_all(fd, buffer, length);
  if (shutdown(fd, SHUT_WR) != 0) return 1;
  length = read_message(fd, buffer, sizeof buffer);
  write_all(STDOUT_FILENO, buffer, length);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "server") == 0) return serve(strtol(argv[2], NULL, 10));
  if (argc == 3 && strcmp(argv[1], "client") == 0) return call((unsigned)strtoul(argv[2], NULL, 10));
  return 1;
}
