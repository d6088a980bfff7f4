// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Options for peers that are known to need them. */
#include "llp_params.h"

static const struct llp_preset presets[] = {
	{ "vista-x328", LLP_PROTO_X328, "VistA HL7 1.6 over X3.28: never yields, answers ENQ in transfer with NAK",
	  "role=secondary contention=yield nak_term=no bcc_high=vista00 on_timeout=retransmit "
	  "enq_resolicit=no block_max=245 max_message=99999" },
	{ "cmop", LLP_PROTO_X328, "VistA CMOP: one segment without its CR in each block",
	  "join=cr retries_l=5 retries_m=10 timer_e=60s recovery_pause=45s block_max=232 max_message=9999" },
	{ "vista-hllp", LLP_PROTO_HLLP, "VistA HL7 1.6 over HLLP: version 2.2, damaged responses are NAKed",
	  "vv=22 bad_response=nak" },
	{ "sun-hllp", LLP_PROTO_HLLP, "Sun, SeeBeyond, OpenESB: the checksum may cover the count",
	  "xor_scope=auto" },
};

const struct llp_preset *llp_preset_at(u32 i)
{
	return i < sizeof(presets) / sizeof(presets[0]) ? &presets[i] : NULL;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Copies up to @stop or the end; returns what follows. Words of the table fit. */
static const char *take(const char *s, char stop, char *out, size_t cap)
{
	size_t n = 0;

	while (*s && *s != stop && n + 1 < cap)
		out[n++] = *s++;
	out[n] = 0;
	return *s == stop ? s + 1 : s;
}

int llp_preset_apply(struct llp_params *p, enum llp_protocol proto, const char *name)
{
	const struct llp_preset *preset;
	const char *s;
	u32 i;

	for (i = 0; (preset = llp_preset_at(i)); i++)
		if (same(preset->name, name))
			break;
	if (!preset)
		return -ENOENT;
	if (preset->proto != proto)
		return -EPROTOTYPE;
	for (s = preset->settings; *s;) {
		char key[32], value[32];
		int err;

		s = take(s, '=', key, sizeof(key));
		s = take(s, ' ', value, sizeof(value));
		err = llp_params_set(p, proto, key, value);
		if (err)
			return err;
	}
	return 0;
}
