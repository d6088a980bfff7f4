// SPDX-License-Identifier: GPL-2.0
// The test tty driver does what tests of the line discipline rely on.
#include <pthread.h>

#include "tty.h"

enum { A = 0, B = 1, PAIRS = 4 };

FIXTURE(pair) {
  int a;
  int b;
};

FIXTURE_SETUP(pair) {
  ASSERT_EQ(0, tty_control(A, "defaults\n"));
  ASSERT_EQ(0, tty_control(B, "defaults\n"));
  self->a = tty_open(A, O_NONBLOCK);
  self->b = tty_open(B, O_NONBLOCK);
  ASSERT_GE(self->a, 0);
  ASSERT_GE(self->b, 0);
  ASSERT_EQ(0, tty_raw(self->a));
  ASSERT_EQ(0, tty_raw(self->b));
  ASSERT_EQ(0, tcflush(self->a, TCIOFLUSH));
  ASSERT_EQ(0, tcflush(self->b, TCIOFLUSH));
}

FIXTURE_TEARDOWN(pair) {
  EXPECT_EQ(0, tty_control(A, "defaults\n"));
  EXPECT_EQ(0, tty_control(B, "defaults\n"));
  close(self->a);
  close(self->b);
}

static int blocking(int tty) { return fcntl(tty, F_SETFL, fcntl(tty, F_GETFL) & ~O_NONBLOCK); }

static struct serial_icounter_struct counters(int tty) {
  struct serial_icounter_struct count = {0};
  ioctl(tty, TIOCGICOUNT, &count);
  return count;
}

// ---- the cable

TEST(each_pair_is_a_cable) {
  for (int i = 0; i < 2 * PAIRS; i++) {
    int near = tty_open(i, O_NONBLOCK);
    int far = tty_open(i ^ 1, O_NONBLOCK);
    ASSERT_GE(near, 0);
    ASSERT_GE(far, 0);
    ASSERT_EQ(0, tty_raw(near));
    ASSERT_EQ(0, tty_raw(far));
    char sent[16];
    char got[16];
    int size = snprintf(sent, sizeof sent, "from %d", i);
    ASSERT_TRUE(tty_send(near, sent, (size_t)size));
    ASSERT_EQ((size_t)size, tty_receive(far, got, (size_t)size, PATIENCE_MS));
    EXPECT_EQ(0, memcmp(sent, got, (size_t)size));
    close(near);
    close(far);
  }
  EXPECT_EQ(-1, tty_open(2 * PAIRS, O_NONBLOCK));
}

struct stream {
  int tty;
  size_t size;
  bool sent;
};

static void* stream_out(void* argument) {
  struct stream* stream = argument;
  unsigned char bytes[1000];
  stream->sent = true;
  for (size_t at = 0; at < stream->size && stream->sent; at += sizeof bytes) {
    for (size_t i = 0; i < sizeof bytes; i++) {
      bytes[i] = (unsigned char)((at + i) % 251);
    }
    stream->sent = tty_send(stream->tty, bytes, sizeof bytes);
  }
  return NULL;
}

TEST_F(pair, a_long_stream_arrives_whole_and_in_order) {
  struct stream stream = {.tty = self->a, .size = 100000};
  pthread_t thread;
  ASSERT_EQ(0, blocking(self->a));
  // Hardware flow control, or the receiver's buffer could overflow.
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL | CRTSCTS, B115200));
  ASSERT_EQ(0, tty_modes(self->b, 0, CLOCAL | CRTSCTS, B115200));
  ASSERT_EQ(0, pthread_create(&thread, NULL, stream_out, &stream));
  size_t wrong = 0;
  for (size_t at = 0; at < stream.size;) {
    unsigned char bytes[1000];
    size_t got = tty_receive(self->b, bytes, 1, PATIENCE_MS);
    ASSERT_EQ((size_t)1, got);
    got += tty_receive(self->b, bytes + 1, sizeof bytes - 1, 0);
    for (size_t i = 0; i < got; i++) {
      wrong += bytes[i] != (at + i) % 251;
    }
    at += got;
  }
  EXPECT_EQ((size_t)0, wrong);
  ASSERT_EQ(0, pthread_join(thread, NULL));
  EXPECT_TRUE(stream.sent);
}

TEST_F(pair, what_nobody_has_open_is_lost) {
  int64_t lost = tty_state(B, "lost");
  close(self->b);
  ASSERT_TRUE(EVENTUALLY(tty_state(B, "open") == 0));
  ASSERT_TRUE(tty_send(self->a, "gone", 4));
  EXPECT_TRUE(EVENTUALLY(tty_state(B, "lost") == lost + 4));
  self->b = tty_open(B, O_NONBLOCK);
  char got[8];
  EXPECT_EQ((size_t)0, tty_receive(self->b, got, sizeof got, BRIEFLY_MS));
}

TEST_F(pair, seven_bits_are_seven) {
  unsigned char got[2];
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL | CS7, B9600));
  ASSERT_TRUE(tty_send(self->a, "\xc1\x41", 2));
  ASSERT_EQ((size_t)2, tty_receive(self->b, got, 2, PATIENCE_MS));
  EXPECT_EQ(0x41, got[0]);
  EXPECT_EQ(0x41, got[1]);
}

TEST_F(pair, rts_and_dtr_are_cts_and_dsr_of_the_other) {
  int lines = TIOCM_RTS | TIOCM_DTR;
  int state = 0;
  ASSERT_EQ(0, ioctl(self->a, TIOCMBIC, &lines));
  ASSERT_EQ(0, ioctl(self->b, TIOCMGET, &state));
  EXPECT_EQ(0, state & (TIOCM_CTS | TIOCM_DSR));
  lines = TIOCM_DTR;
  ASSERT_EQ(0, ioctl(self->a, TIOCMBIS, &lines));
  ASSERT_EQ(0, ioctl(self->b, TIOCMGET, &state));
  EXPECT_EQ(TIOCM_DSR, state & (TIOCM_CTS | TIOCM_DSR));
  lines = TIOCM_RTS;
  ASSERT_EQ(0, ioctl(self->a, TIOCMBIS, &lines));
  ASSERT_EQ(0, ioctl(self->b, TIOCMGET, &state));
  EXPECT_EQ(TIOCM_CTS | TIOCM_DSR, state & (TIOCM_CTS | TIOCM_DSR));
}

TEST_F(pair, crtscts_waits_for_cts) {
  int rts = TIOCM_RTS;
  char got[4];
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL | CRTSCTS, B115200));
  ASSERT_EQ(0, ioctl(self->b, TIOCMBIC, &rts));
  ASSERT_TRUE(tty_send(self->a, "wait", 4));
  EXPECT_EQ((size_t)0, tty_receive(self->b, got, 4, BRIEFLY_MS));
  ASSERT_EQ(0, ioctl(self->b, TIOCMBIS, &rts));
  EXPECT_EQ((size_t)4, tty_receive(self->b, got, 4, PATIENCE_MS));
}

// ---- time

// A line can be late, but never early: that holds on a busy machine, too.
static int64_t transfer_us(int from, int to, size_t size) {
  char bytes[256];
  memset(bytes, 'x', sizeof bytes);
  int64_t begin = now_us();
  if (!tty_send(from, bytes, size) || tty_receive(to, bytes, size, PATIENCE_MS) != size) {
    return -1;
  }
  return now_us() - begin;
}

TEST_F(pair, paced_bytes_take_their_time) {
  ASSERT_EQ(0, tty_control(A, "pace 1\n"));
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL, B9600));
  EXPECT_GE(transfer_us(self->a, self->b, 96), 100000 - 100);
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL, B1200));
  EXPECT_GE(transfer_us(self->a, self->b, 24), 200000 - 100);
  // One byte takes as long as one byte.
  EXPECT_GE(transfer_us(self->a, self->b, 1), 8333 - 10);
  // A timer that fires once for several bytes sends none of them early.
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL, B921600));
  EXPECT_GE(transfer_us(self->a, self->b, 256), 256 * 10 * 1000 / 922);
}

TEST_F(pair, pacing_is_of_the_sender_and_can_be_left_out) {
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL, B50));
  ASSERT_EQ(0, tty_modes(self->b, 0, CLOCAL, B50));
  ASSERT_EQ(0, tty_control(B, "pace 1\n"));
  // 256 bytes at 50 baud take 51 s: for all that a machine can be slow, these were not paced.
  int64_t took = transfer_us(self->a, self->b, 256);
  EXPECT_GE(took, 0);
  EXPECT_LT(took, 25000000);
}

TEST_F(pair, byte_time_follows_speed_and_format) {
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL | CS8, B9600));
  EXPECT_EQ(10 * 1000000000LL / 9600, tty_state(A, "byte_ns"));
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL | CS8 | PARENB | CSTOPB, B9600));
  EXPECT_EQ(12 * 1000000000LL / 9600, tty_state(A, "byte_ns"));
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL | CS7, B2400));
  EXPECT_EQ(9 * 1000000000LL / 2400, tty_state(A, "byte_ns"));
}

TEST_F(pair, bytes_queued_are_told_until_they_are_sent) {
  int queued = -1;
  ASSERT_EQ(0, tty_control(A, "pace 1\n"));
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL, B300));
  ASSERT_TRUE(tty_send(self->a, "12345678", 8));
  ASSERT_EQ(0, ioctl(self->a, TIOCOUTQ, &queued));
  int64_t sent = tty_state(A, "sent");
  EXPECT_GT(queued, 0);
  EXPECT_LE(queued, 8);
  ASSERT_EQ(0, tcdrain(self->a));
  ASSERT_EQ(0, ioctl(self->a, TIOCOUTQ, &queued));
  EXPECT_EQ(0, queued);
  EXPECT_GT(tty_state(A, "sent"), sent);
}

TEST_F(pair, close_drains) {
  char got[8];
  ASSERT_EQ(0, tty_control(A, "pace 1\n"));
  ASSERT_EQ(0, tty_modes(self->a, 0, CLOCAL, B300));
  ASSERT_EQ(0, blocking(self->a));
  ASSERT_TRUE(tty_send(self->a, "12345678", 8));
  close(self->a);
  EXPECT_EQ((size_t)8, tty_receive(self->b, got, 8, PATIENCE_MS));
  self->a = tty_open(A, O_NONBLOCK);
}

// ---- writes

TEST_F(pair, full_transmitter_takes_what_fits) {
  char bytes[100] = {0};
  struct pollfd ready = {.fd = self->a, .events = POLLOUT};
  int queued = 0;
  ASSERT_EQ(0, tty_control(A, "hold 1\nroom 16\n"));
  EXPECT_EQ(16, write(self->a, bytes, sizeof bytes));
  EXPECT_EQ(-1, write(self->a, bytes, sizeof bytes));
  EXPECT_EQ(EAGAIN, errno);
  EXPECT_EQ(0, poll(&ready, 1, 0));
  ASSERT_EQ(0, ioctl(self->a, TIOCOUTQ, &queued));
  EXPECT_EQ(16, queued);
  EXPECT_EQ((size_t)0, tty_receive(self->b, bytes, sizeof bytes, BRIEFLY_MS));
  ASSERT_EQ(0, tty_control(A, "hold 0\n"));
  EXPECT_EQ(1, poll(&ready, 1, PATIENCE_MS));
  EXPECT_EQ((size_t)16, tty_receive(self->b, bytes, 16, PATIENCE_MS));
}

TEST_F(pair, flush_forgets_what_was_not_sent) {
  char got[4];
  ASSERT_EQ(0, tty_control(A, "hold 1\n"));
  ASSERT_TRUE(tty_send(self->a, "gone", 4));
  ASSERT_EQ(0, tcflush(self->a, TCOFLUSH));
  EXPECT_EQ(0, tty_state(A, "queued"));
  ASSERT_EQ(0, tty_control(A, "hold 0\n"));
  EXPECT_EQ((size_t)0, tty_receive(self->b, got, 4, BRIEFLY_MS));
}

TEST_F(pair, short_writes_lose_nothing) {
  char bytes[256];
  char got[256];
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (char)i;
  }
  ASSERT_EQ(0, blocking(self->a));
  ASSERT_EQ(0, tty_control(A, "accept 3\n"));
  int64_t before = tty_state(A, "short_writes");
  ASSERT_TRUE(tty_send(self->a, bytes, sizeof bytes));
  ASSERT_EQ(sizeof got, tty_receive(self->b, got, sizeof got, PATIENCE_MS));
  EXPECT_EQ(0, memcmp(bytes, got, sizeof got));
  EXPECT_GE(tty_state(A, "short_writes") - before, 256 / 3);
}

TEST_F(pair, late_wakeups_are_late) {
  char bytes[24] = {0};
  ASSERT_EQ(0, tty_control(A, "hold 1\nroom 8\nlate 100000\n"));
  ASSERT_EQ(8, write(self->a, bytes, sizeof bytes));
  int64_t wakeups = tty_state(A, "wakeups");
  int64_t begin = now_us();
  ASSERT_EQ(0, tty_control(A, "hold 0\n"));
  ASSERT_TRUE(EVENTUALLY(tty_state(A, "wakeups") > wakeups));
  EXPECT_GE(now_us() - begin, 100000 - 100);
  EXPECT_EQ((size_t)8, tty_receive(self->b, bytes, 8, PATIENCE_MS));
  // A writer that sleeps is woken all the same.
  ASSERT_EQ(0, blocking(self->a));
  ASSERT_TRUE(tty_send(self->a, bytes, sizeof bytes));
  EXPECT_EQ(sizeof bytes, tty_receive(self->b, bytes, sizeof bytes, PATIENCE_MS));
}

// ---- errors

static const char marked[] = "a\377\0bc";  // PARMRK marks a byte with an error so

TEST_F(pair, parity_and_framing_errors_are_marked) {
  for (int frame = 0; frame < 2; frame++) {
    char got[5] = {0};
    struct serial_icounter_struct before = counters(self->b);
    ASSERT_EQ(0, tty_modes(self->b, INPCK | PARMRK, CLOCAL, B115200));
    ASSERT_EQ(0, tty_control(B, frame ? "frame 1\n" : "parity 1\n"));
    ASSERT_TRUE(tty_send(self->a, "abc", 3));
    ASSERT_EQ(sizeof got, tty_receive(self->b, got, sizeof got, PATIENCE_MS));
    EXPECT_EQ(0, memcmp(marked, got, sizeof got));
    struct serial_icounter_struct after = counters(self->b);
    EXPECT_EQ(before.parity + !frame, after.parity);
    EXPECT_EQ(before.frame + frame, after.frame);
    EXPECT_EQ(before.rx + 3, after.rx);
  }
}

TEST_F(pair, errors_are_not_told_without_inpck_and_dropped_with_ignpar) {
  char got[3] = {0};
  ASSERT_EQ(0, tty_modes(self->b, PARMRK, CLOCAL, B115200));
  ASSERT_EQ(0, tty_control(B, "parity 1\n"));
  ASSERT_TRUE(tty_send(self->a, "abc", 3));
  ASSERT_EQ((size_t)3, tty_receive(self->b, got, 3, PATIENCE_MS));
  EXPECT_EQ(0, memcmp("abc", got, 3));

  ASSERT_EQ(0, tty_modes(self->b, INPCK | IGNPAR, CLOCAL, B115200));
  ASSERT_EQ(0, tty_control(B, "frame 1\n"));
  ASSERT_TRUE(tty_send(self->a, "abc", 3));
  ASSERT_EQ((size_t)2, tty_receive(self->b, got, 2, PATIENCE_MS));
  EXPECT_EQ(0, memcmp("ac", got, 2));
}

TEST_F(pair, breaks_are_told) {
  char got[5] = {0};
  ASSERT_EQ(0, tty_modes(self->b, PARMRK, CLOCAL, B115200));
  ASSERT_EQ(0, tty_control(B, "break 1\n"));
  ASSERT_TRUE(tty_send(self->a, "ab", 2));
  ASSERT_EQ((size_t)5, tty_receive(self->b, got, 5, PATIENCE_MS));
  EXPECT_EQ(0, memcmp("a\377\0\0b", got, 5));

  // The other end's own break.
  ASSERT_EQ(0, ioctl(self->a, TIOCSBRK));
  ASSERT_EQ(0, ioctl(self->a, TIOCCBRK));
  ASSERT_EQ((size_t)3, tty_receive(self->b, got, 3, PATIENCE_MS));
  EXPECT_EQ(0, memcmp("\377\0\0", got, 3));

  ASSERT_EQ(0, tty_modes(self->b, IGNBRK, CLOCAL, B115200));
  ASSERT_EQ(0, ioctl(self->a, TIOCSBRK));
  EXPECT_EQ((size_t)0, tty_receive(self->b, got, 3, BRIEFLY_MS));
  EXPECT_GE(counters(self->b).brk, 3);
}

TEST_F(pair, overruns_are_a_nul_more) {
  char got[5] = {0};
  int before = counters(self->b).overrun;
  ASSERT_EQ(0, tty_control(B, "overrun 0\noverrun 2\n"));
  ASSERT_TRUE(tty_send(self->a, "abc", 3));
  // Where termios want no errors, N_TTY does not look at flags.
  ASSERT_EQ((size_t)5, tty_receive(self->b, got, 5, PATIENCE_MS));
  EXPECT_EQ(0, memcmp("a\0bc\0", got, 5));
  EXPECT_EQ(before + 2, counters(self->b).overrun);
  EXPECT_EQ(0, tty_state(B, "faults"));

  ASSERT_EQ(0, tty_modes(self->b, INPCK | PARMRK, CLOCAL, B115200));
  ASSERT_EQ(0, tty_control(B, "overrun 0\n"));
  ASSERT_TRUE(tty_send(self->a, "abc", 3));
  ASSERT_EQ((size_t)3, tty_receive(self->b, got, 3, PATIENCE_MS));
  EXPECT_EQ(0, memcmp("abc", got, 3));
  EXPECT_EQ(before + 3, counters(self->b).overrun);
}

TEST_F(pair, faults_come_at_their_bytes_and_can_be_cleared) {
  char got[64] = {0};
  ASSERT_EQ(0, tty_modes(self->b, INPCK | PARMRK, CLOCAL, B115200));
  ASSERT_EQ(0, tty_control(B, "parity 0\nparity 2\nframe 9\n"));
  EXPECT_EQ(3, tty_state(B, "faults"));
  ASSERT_TRUE(tty_send(self->a, "abcd", 4));
  ASSERT_EQ((size_t)8, tty_receive(self->b, got, 8, PATIENCE_MS));
  EXPECT_EQ(0, memcmp("\377\0ab\377\0cd", got, 8));
  EXPECT_EQ(1, tty_state(B, "faults"));
  ASSERT_EQ(0, tty_control(B, "clear\n"));
  ASSERT_TRUE(tty_send(self->a, "0123456789", 10));
  ASSERT_EQ((size_t)10, tty_receive(self->b, got, 10, PATIENCE_MS));
  EXPECT_EQ(0, memcmp("0123456789", got, 10));
}

// ---- the end of a line

static bool hung_up(int tty) {
  char byte;
  struct pollfd ready = {.fd = tty, .events = POLLIN};
  return poll(&ready, 1, PATIENCE_MS) == 1 && (ready.revents & POLLHUP) && read(tty, &byte, 1) == 0 &&
         write(tty, "x", 1) == -1 && errno == EIO;
}

TEST_F(pair, lost_carrier_hangs_up_unless_clocal) {
  int state = 0;
  ASSERT_EQ(0, tty_control(A, "carrier 0\n"));
  ASSERT_EQ(0, ioctl(self->a, TIOCMGET, &state));
  EXPECT_EQ(0, state & TIOCM_CAR);
  EXPECT_TRUE(tty_send(self->a, "still here", 10));

  ASSERT_EQ(0, tty_control(A, "carrier 1\n"));
  ASSERT_EQ(0, tty_modes(self->a, 0, 0, B115200));
  ASSERT_EQ(0, tty_control(A, "carrier 0\n"));
  EXPECT_TRUE(EVENTUALLY(tty_state(A, "open") == 0));
  EXPECT_TRUE(hung_up(self->a));
  EXPECT_EQ(0, tty_control(A, "carrier 1\n"));
}

struct opener {
  int tty;
  bool done;
};

static void* open_it(void* argument) {
  struct opener* opener = argument;
  opener->tty = tty_open(A, 0);
  __atomic_store_n(&opener->done, true, __ATOMIC_RELEASE);
  return NULL;
}

TEST_F(pair, open_waits_for_carrier) {
  struct opener opener = {0};
  pthread_t thread;
  ASSERT_EQ(0, tty_modes(self->a, 0, 0, B115200));
  ASSERT_EQ(0, tty_control(A, "carrier 0\n"));
  ASSERT_TRUE(EVENTUALLY(tty_state(A, "open") == 0));
  close(self->a);
  self->a = tty_open(A, O_NONBLOCK);  // that does not wait
  ASSERT_GE(self->a, 0);
  ASSERT_EQ(0, tty_modes(self->a, 0, 0, B115200));
  ASSERT_EQ(0, pthread_create(&thread, NULL, open_it, &opener));
  pause_ms(BRIEFLY_MS);
  EXPECT_FALSE(__atomic_load_n(&opener.done, __ATOMIC_ACQUIRE));
  ASSERT_EQ(0, tty_control(A, "carrier 1\n"));
  ASSERT_EQ(0, pthread_join(thread, NULL));
  EXPECT_GE(opener.tty, 0);
  close(opener.tty);
}

static void* read_it(void* argument) {
  char byte;
  ssize_t got = read(*(int*)argument, &byte, 1);
  return got == 0 || (got < 0 && errno == EIO) ? NULL : argument;
}

TEST_F(pair, hangup_wakes_a_reader_and_a_new_open_works) {
  pthread_t thread;
  void* failed = NULL;
  char got[2];
  ASSERT_EQ(0, blocking(self->b));
  ASSERT_EQ(0, pthread_create(&thread, NULL, read_it, &self->b));
  pause_ms(BRIEFLY_MS);
  ASSERT_EQ(0, tty_control(B, "hangup\n"));
  ASSERT_EQ(0, pthread_join(thread, &failed));
  EXPECT_EQ(NULL, failed);
  EXPECT_TRUE(hung_up(self->b));
  EXPECT_EQ(ENXIO, tty_control(B, "hangup\n"));

  int again = tty_open(B, O_NONBLOCK);
  ASSERT_GE(again, 0);
  ASSERT_EQ(0, tty_raw(again));
  ASSERT_TRUE(tty_send(self->a, "ok", 2));
  EXPECT_EQ((size_t)2, tty_receive(again, got, 2, PATIENCE_MS));
  close(again);
}

TEST_F(pair, unplugged_device_is_gone_until_it_is_plugged) {
  struct stat node;
  char got[2];
  ASSERT_EQ(0, tty_control(B, "unplug\n"));
  EXPECT_TRUE(hung_up(self->b));
  EXPECT_TRUE(EVENTUALLY(stat("/dev/ttyLT1", &node) == -1 && errno == ENOENT));
  EXPECT_EQ(ENODEV, tty_control(B, "unplug\n"));
  EXPECT_TRUE(tty_send(self->a, "lost", 4));
  ASSERT_EQ(0, tty_control(B, "plug\n"));
  EXPECT_EQ(EEXIST, tty_control(B, "plug\n"));
  int again = -1;
  ASSERT_TRUE(EVENTUALLY((again = tty_open(B, O_NONBLOCK)) >= 0));
  ASSERT_EQ(0, tty_raw(again));
  ASSERT_TRUE(tty_send(self->a, "ok", 2));
  EXPECT_EQ((size_t)2, tty_receive(again, got, 2, PATIENCE_MS));
  close(again);
}

// ---- the control

TEST(control_takes_no_nonsense) {
  static const char* const wrong[] = {"none\n",     "pace\n",          "pace 2\n",    "pace -1\n",
                                      "pace 1 1\n", "room 0\n",        "room 4097\n", "accept 4097\n",
                                      "hangup 1\n", "late 10000001\n", "pace x\n",    " pace 1\n"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    EXPECT_EQ(EINVAL, tty_control(A, wrong[i])) { TH_LOG("%s", wrong[i]); }
  }
  EXPECT_EQ(0, tty_state(A, "pace"));
  for (int i = 0; i < 64; i++) {
    ASSERT_EQ(0, tty_control(A, "parity 1000\n"));
  }
  EXPECT_EQ(ENOSPC, tty_control(A, "parity 1000\n"));
  EXPECT_EQ(0, tty_control(A, "defaults\n"));
  EXPECT_EQ(0, tty_state(A, "faults"));
}

// ---- everything at once

static bool stopping;

static void* use_it(void* argument) {
  int index = *(int*)argument;
  while (!__atomic_load_n(&stopping, __ATOMIC_RELAXED)) {
    int tty = tty_open(index, O_NONBLOCK);
    if (tty < 0) {
      continue;
    }
    char bytes[64] = {0};
    tty_raw(tty);
    for (int i = 0; i < 4; i++) {
      ssize_t taken = write(tty, bytes, sizeof bytes);
      ssize_t got = read(tty, bytes, sizeof bytes);
      (void)taken;
      (void)got;
    }
    tcflush(tty, TCIOFLUSH);
    close(tty);
  }
  return NULL;
}

TEST(open_close_hangup_and_unplug_in_any_order) {
  static int ends[] = {2, 3, 2, 3};
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    ASSERT_EQ(0, pthread_create(&threads[i], NULL, use_it, &ends[i]));
  }
  ASSERT_EQ(0, tty_control(2, "pace 1\nlate 500\nroom 32\n"));
  for (int i = 0; i < 60; i++) {
    (void)tty_control(2 + i % 2, "hangup\n");
    pause_ms(5);
    EXPECT_EQ(0, tty_control(2 + i / 2 % 2, "unplug\nplug\n"));
    (void)tty_control(3, i % 2 ? "hold 1\n" : "hold 0\n");
  }
  __atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
  EXPECT_EQ(0, tty_control(3, "defaults\n"));
  for (int i = 0; i < 4; i++) {
    EXPECT_EQ(0, pthread_join(threads[i], NULL));
  }
  EXPECT_EQ(0, tty_control(2, "defaults\n"));
}

TEST_HARNESS_MAIN
