# SPDX-License-Identifier: BSD-3-Clause
"""The mutants: one edit each, and what catches it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` in kmod/proto/`source` becomes `new`; exploring `config` so far violates property `violates`."""

    name: str
    about: str
    source: str
    old: str
    new: str
    config: str
    faults: int
    events: int
    violates: int


MUTANTS = [
    Mutant("x328-any-ack", "an acknowledgement of another block is taken",
           "x328_master.c", "seq == X328_S_ACK && num != x->vs)", "seq == X328_S_ACK && num > 7)",
           "x328", 1, 0, 2),
    Mutant("x328-duplicate", "a block that comes again is not recognised",
           "x328_slave.c", "num == x->got && x->text_len == x->got_len &&", "0 && x->text_len == x->got_len &&",
           "x328", 1, 0, 3),
    Mutant("x328-no-timer", "timer A is not started when the block has left",
           "x328.c", "\t\tllp_arm(e, X328_T_A, e->p.timer_a);", "\t\t;",
           "x328", 1, 0, 4),
    Mutant("x328-endless", "bids that nobody answers are not counted",
           "x328_bid.c", "\t\tif (++x->nn > e->p.retries_n)", "\t\tif (x->nn > e->p.retries_n)",
           "x328", 0, 1, 4),
    Mutant("x328-pending", "the last block is acknowledged without waiting for the verdict",
           "x328_slave.c", "\tarm_wait(e);\n\tq->id = llp_msg_end(", "\tpositive(e, io);\n\tq->id = llp_msg_end(",
           "x328", 0, 1, 2),
    Mutant("x328-number", "the block number is not advanced",
           "x328_master.c", "x->vs = (x->vs + 1) & 7;", "",
           "x328", 0, 0, 1),
    Mutant("x328-bcc", "the block check is not looked at",
           "x328_slave.c", "else if (!bcc_good(e))", "else if (0 && !bcc_good(e))",
           "x328", 1, 0, 1),
    Mutant("x328-eot", "the end of a transmission is ignored",
           "x328_slave.c", "\tif (seq == X328_S_EOT) {", "\tif (seq == X328_S_EOT && x->state == X328_SRECV) {",
           "x328", 0, 0, 1),
    Mutant("x328-late-again", "a message accepted late is delivered again when its block comes again",
           "x328_slave.c", "\t\t\tq->state = LLP_PEND_LATE;\n",
           "\t\t\tq->state = LLP_PEND_NONE;\n\t\t\tx->vr = x->got;\n\t\t\tx->got = X328_NONE;\n",
           "x328", 0, 1, 4),
    Mutant("x328-contention", "both stations wait equally long after a collision",
           "x328_bid.c", "e->p.role == LLP_PRIMARY ? e->p.cont_primary : e->p.cont_secondary", "e->p.cont_primary",
           "x328-contention", 0, 0, 1),
    Mutant("x328-yield", "a station that yields forgets its own message",
           "x328_bid.c", "\tif (yield && wanted(e)) {\n", "\tif (yield && wanted(e)) {\n\t\tx->id = 0;\n",
           "vista-x328-contention", 0, 0, 4),
    Mutant("x328-hasty", "a refusal of what came before is taken for one of the last block",
           "x328_master.c", "\tif (x->bare || x->hasty)\n", "\tif (0)\n",
           "x328", 1, 0, 2),
    Mutant("x328-reject", "a message that the reader rejects is acknowledged",
           "x328_slave.c", "\t\tinterrupt(e, io, LLP_CAUSE_REFUSED);", "\t\tpositive(e, io);",
           "x328", 0, 1, 2),
    Mutant("hllp-checksum", "the checksum is not looked at",
           "hllp_check.c", "\t\telse\n\t\t\treturn check_fail(e, 'X', LLP_FV_CHECK);", "",
           "hllp", 1, 0, 1),
    Mutant("hllp-count", "the character count is not looked at",
           "hllp_check.c", "!(waived && e->p.c999 == LLP_C999_SKIP_BOTH))", "0)",
           "hllp", 1, 0, 1),
    Mutant("hllp-repeat", "the repeat of a request that is being served is not recognised",
           "hllp_resp.c", "if (request && being_served(e, len, digest)) {", "if (0 && being_served(e, len, digest)) {",
           "hllp-resend", 0, 1, 3),
    Mutant("hllp-early-nak", "an N block that answers noise before the request is taken for the request's",
           "hllp_resp.c", "\tif (fv || e->now < h->nak_from)\n", "\tif (fv)\n",
           "hllp", 1, 1, 2),
    Mutant("hllp-nak-nak", "a NAK is NAKed",
           "hllp_resp.c", "\telse\n\t\tllp_count(e, LLP_C_UNEXPECTED);\n",
           "\telse {\n\t\tllp_count(e, LLP_C_UNEXPECTED);\n"
           "\t\tnak(e, io, 'G', (const u8 *)\"23\", LLP_C_NAK_FORMAT, true);\n\t}\n",
           "hllp", 1, 0, 4),
    Mutant("mllp2-settle", "a late commit reply is taken for the next block's",
           "mllp.c", "\tif (m->timed_out)\n\t\tsettle(e);\n\tfinish(e, io, m->abort ? LLP_CAUSE_ABORTED : LLP_OK,",
           "\tfinish(e, io, m->abort ? LLP_CAUSE_ABORTED : LLP_OK,",
           "mllp2", 1, 0, 2),
    Mutant("mllp2-endless", "tries are not counted",
           "mllp.c", "\tm->tries++;\n\tm->by_timeout = 1;", "\tm->by_timeout = 1;",
           "mllp2", 0, 1, 4),
    Mutant("mllp2-nak", "a negative commit reply is taken for a positive one",
           "mllp_dec.c", "bool ack = io->rx_buf[e->rx.good] == CH_ACK;", "bool ack = true;",
           "mllp2", 0, 1, 2),
    Mutant("msa-any-name", "a reply that names another request is taken",
           "match.c", "return reply->is_ack && same_id(request, &reply->ack_id);", "return reply->is_ack;",
           "hllp-named", 1, 0, 1),
    Mutant("lockstep-guard", "no guard time after a reply that did not come",
           "exchange.c", "\te->exch.guard = 1;\n", "\treturn;\n",
           "mllp1", 1, 0, 1),
    Mutant("bytes-uncounted", "bytes sent are not counted",
           "tx.c", "e->count[LLP_C_TX_BYTES] += n;", ";",
           "mllp1", 0, 0, 5),
]
