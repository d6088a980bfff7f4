// SPDX-License-Identifier: GPL-2.0
// Which message a written answer belongs to: the one that LLP_IOC_ANSWER names, or none at all. Where nothing
// on the wire tells what an answer answers, the other station takes it for that to its newest question.
#include "station.h"

FIXTURE(answers) {
  struct station s;
  int line;
  int wire;
};

FIXTURE_VARIANT(answers) {
  uint32_t protocol;
  const char* release;
};

FIXTURE_VARIANT_ADD(answers, hllp){.protocol = LLP_PROTOCOL_HLLP};
FIXTURE_VARIANT_ADD(answers, mllp1){.protocol = LLP_PROTOCOL_MLLP, .release = "1"};
FIXTURE_VARIANT_ADD(answers, mllp2){.protocol = LLP_PROTOCOL_MLLP, .release = "2"};
FIXTURE_VARIANT_ADD(answers, x328){.protocol = LLP_PROTOCOL_X328};

typedef const FIXTURE_VARIANT(answers) kind;

FIXTURE_SETUP(answers) {
  line_params params = {{variant->release ? "release" : NULL, variant->release}, {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, variant->protocol, params)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
  ASSERT_EQ(0, fcntl(self->line, F_SETFL, O_NONBLOCK));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
}

FIXTURE_TEARDOWN(answers) { station_end(&self->s); }

// The other station says it, and need not hear an acknowledgement yet.
static bool offers(kind* k, int wire, const char* text) {
  return k->protocol == LLP_PROTOCOL_X328   ? x328_offers(wire, text)
         : k->protocol == LLP_PROTOCOL_HLLP ? hllp_says(wire, 'D', text)
                                            : mllp_says(wire, text);
}

static bool accepted(kind* k, int wire) {
  bool commits = k->release && *k->release == '2';
  return k->protocol == LLP_PROTOCOL_X328 ? x328_accepted(wire) : !commits || HEARS(wire, COMMIT_ACK);
}

// The other station asks, and the line reads it; its id, or 0.
static uint32_t asked(kind* k, struct station* s, const char* text) {
  return offers(k, s->wire, text) && EVENTUALLY(waiting(s->line) == (int)strlen(text)) &&
                 reads(s->line, text) &&
                 (file_info(s->line).policy == LLP_POLICY_COMMIT || accepted(k, s->wire))
             ? file_info(s->line).last_read
             : 0;
}

#define ASKED(text) asked(variant, &self->s, text)

// Whether the other station gets this as the line's next message.
static bool told(kind* k, int wire, const char* text) {
  bool commits = k->release && *k->release == '2';
  return k->protocol == LLP_PROTOCOL_X328   ? x328_takes(wire, text)
         : k->protocol == LLP_PROTOCOL_HLLP ? hllp_hears(wire, 'D', text)
                                            : mllp_hears(wire, text) && (!commits || SAYS(wire, COMMIT_ACK));
}

#define TOLD(text) told(variant, self->wire, text)

static int say(int line, const char* text) {
  return write(line, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
}

static int answer(int line, uint32_t id, const char* text) {
  int failed = file_set(line, LLP_IOC_ANSWER, id);
  return failed ? failed : say(line, text);
}

static bool restart(int line) { return ioctl(line, LLP_IOC_DOWN) == 0 && ioctl(line, LLP_IOC_UP) == 0; }

TEST_F(answers, go_out_once_each) {
  uint32_t id = ASKED("question");
  ASSERT_NE(0, id);
  ASSERT_EQ(0, answer(self->line, id, "answer"));
  EXPECT_TRUE(TOLD("answer"));
  EXPECT_EQ(ESTALE, file_set(self->line, LLP_IOC_ANSWER, id));
  // It is not sent as something else, either.
  EXPECT_EQ(ESTALE, say(self->line, "answer"));
  EXPECT_TRUE(silent(self->wire));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ANSWER, 0));
  EXPECT_EQ(0, say(self->line, "message"));
  EXPECT_TRUE(TOLD("message"));
}

TEST_F(answers, of_the_lines_earlier_life_are_stale) {
  uint32_t old = ASKED("question 1");
  ASSERT_NE(0, old);
  ASSERT_TRUE(restart(self->line));
  EXPECT_EQ(ESTALE, answer(self->line, old, "answer 1"));
  uint32_t id = ASKED("question 2");
  ASSERT_NE(0, id);
  ASSERT_NE(old, id);
  EXPECT_EQ(ESTALE, answer(self->line, old, "answer 1"));
  EXPECT_EQ(ESTALE, say(self->line, "answer 1"));
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(0, answer(self->line, id, "answer 2"));
  EXPECT_TRUE(TOLD("answer 2"));
}

TEST_F(answers, announced_before_the_line_went_down_are_stale) {
  uint32_t old = ASKED("question 1");
  ASSERT_NE(0, old);
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ANSWER, old));
  ASSERT_TRUE(restart(self->line));
  ASSERT_NE(0, ASKED("question 2"));
  EXPECT_EQ(ESTALE, say(self->line, "answer 1"));
  EXPECT_TRUE(silent(self->wire));
}

TEST_F(answers, to_what_waited_for_its_reader_meanwhile_are_stale) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_TRUE(offers(variant, self->wire, "question") && accepted(variant, self->wire));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == 8));
  ASSERT_TRUE(restart(self->line));
  ASSERT_TRUE(reads(self->line, "question"));
  EXPECT_EQ(ESTALE, answer(self->line, file_info(self->line).last_read, "answer"));
}

TEST_F(answers, to_what_was_forgotten_or_refused_are_stale) {
  static const uint32_t verdicts[] = {LLP_VERDICT_FORGET, LLP_VERDICT_REJECT};
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  for (int i = 0; i < 2; i++) {
    uint32_t id = ASKED("question");
    ASSERT_NE(0, id);
    ASSERT_EQ(0, file_set(self->line, LLP_IOC_ANSWER, id));
    ASSERT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->line, id, verdicts[i]));
    EXPECT_EQ(ESTALE, say(self->line, "answer"));
    EXPECT_EQ(ESTALE, file_set(self->line, LLP_IOC_ANSWER, id));
    tcflush(self->wire, TCIFLUSH);
    pause_ms(BRIEFLY_MS);
    tcflush(self->wire, TCIFLUSH);
  }
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_READ));
  uint32_t id = ASKED("question 2");
  ASSERT_NE(0, id);
  EXPECT_EQ(0, answer(self->line, id, "answer 2"));
  EXPECT_TRUE(TOLD("answer 2"));
}

TEST_F(answers, are_for_the_file_that_read_the_question) {
  uint32_t id = ASKED("question");
  int other = line_open(self->s.tty, O_NONBLOCK);
  ASSERT_NE(0, id);
  EXPECT_EQ(ESTALE, answer(other, id, "answer"));
  EXPECT_EQ(ESTALE, answer(self->line, id + 1, "answer"));
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(0, answer(self->line, id, "answer"));
  EXPECT_TRUE(TOLD("answer"));
  close(other);
}

// A request of this side is none, whatever was said before.
TEST_F(answers, are_no_requests) {
  uint32_t id = ASKED("question");
  ASSERT_NE(0, id);
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ANSWER, id));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_EQ(0, say(self->line, "request"));
  EXPECT_TRUE(TOLD("request"));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_OFF));
  // What was said was of that write; the question has no answer yet.
  EXPECT_EQ(0, answer(self->line, id, "answer"));
}

// ---- where a sender can take a message back

FIXTURE(taken_back) { struct station s; };

FIXTURE_SETUP(taken_back) {
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, NULL)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
}

FIXTURE_TEARDOWN(taken_back) { station_end(&self->s); }

TEST_F(taken_back, question_takes_no_answer) {
  struct llp_ioc_result r;
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_EVENTS, LLP_EVENTS_ALL));
  ASSERT_TRUE(x328_offers(self->s.wire, "question") && reads(self->s.line, "question"));
  uint32_t id = file_info(self->s.line).in_hand;
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_ANSWER, id));
  ASSERT_TRUE(SAYS(self->s.wire, EOT));
  ASSERT_TRUE(EVENTUALLY(result(self->s.line, LLP_RESULT_CANCELLED, &r)));
  EXPECT_EQ(ESTALE, say(self->s.line, "answer"));
  EXPECT_EQ(ESTALE, answer(self->s.line, id, "answer"));
  EXPECT_EQ(LLP_SETTLED_GONE, verdict(self->s.line, id, LLP_VERDICT_ANSWER));
  EXPECT_TRUE(silent(self->s.wire));
}

// ---- where several wait

FIXTURE(several) { struct station s; };

FIXTURE_SETUP(several) {
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_HLLP, NULL)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
}

FIXTURE_TEARDOWN(several) { station_end(&self->s); }

// The line drops the repeat of a question that is being answered; of one that has its answer it does not.
TEST_F(several, the_named_one_is_answered) {
  static const char* const questions[] = {"question 1", "question 2"};
  uint32_t ids[2];
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(hllp_says(self->s.wire, 'D', questions[i]) && reads(self->s.line, questions[i]));
    ids[i] = file_info(self->s.line).last_read;
    ASSERT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->s.line, ids[i], LLP_VERDICT_ANSWER));
  }
  ASSERT_EQ(0, answer(self->s.line, ids[1], "answer 2"));
  ASSERT_TRUE(hllp_hears(self->s.wire, 'D', "answer 2"));
  ASSERT_TRUE(EVENTUALLY(file_info(self->s.line).writes == 0));
  ASSERT_TRUE(hllp_says(self->s.wire, 'D', questions[1]) && reads(self->s.line, questions[1]));
  ASSERT_TRUE(hllp_says(self->s.wire, 'D', questions[0]));
  EXPECT_TRUE(EVENTUALLY(line_counter(self->s.line, "duplicates") == 1));
  EXPECT_EQ(0, waiting(self->s.line));
  EXPECT_EQ(0, answer(self->s.line, ids[0], "answer 1"));
  EXPECT_TRUE(hllp_hears(self->s.wire, 'D', "answer 1"));
}

TEST_HARNESS_MAIN
