/*
 * SIP messages out of a seed: every kind of field that a proxy reads, in any order, in every
 * spelling that is legal; and damage of the kinds that software does.
 */
#include "messages.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/slice.h"

static uint64_t random_state;

void messages_seed(uint64_t seed)
{
	random_state = seed;
}

/* splitmix64 */
static uint64_t random64(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static size_t below(size_t n)
{
	return (size_t)(random64() % n);
}

size_t messages_below(size_t n)
{
	return below(n);
}

#define PICK(array) ((array)[below(ARRAY_LEN(array))])

static const char *const methods[] = { "INVITE",  "ACK",     "BYE",      "CANCEL",
				       "OPTIONS", "MESSAGE", "REGISTER", "X-%41" };

static const char *const uris[] = {
	"sip:alice@example.com",
	"sip:example.com",
	"sips:bob@example.org:5061",
	"sip:+1-212-555-1212:1234@gateway.com;user=phone",
	"sip:al%69ce%20x@192.0.2.4:5070;transport=tcp;lr",
	"sip:user;par=u%40example.net@example.com",
	"sip:user@[2001:db8::10]:5070;maddr=[::1]",
	"sip:[::ffff:192.0.2.10]",
	"sip:a@b.c;x=y;z",
};

static const char *const blanks[] = { " ", " ", " ", " ", "", "  ", "\t", "\r\n ", " \r\n\t" };
static const char *const names[] = {
	"", "Al ", "\"Al\" ", "A. B-c ", "\"A \\\"B\\\" <c>, d;\" ", "\"\xc3\xa9\" ", "\"\"", "Al"
};
/* What stands before and behind a number. */
static const struct {
	const char *head, *tail;
} vias[] = {
	{ "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK", "" },
	{ "SIP/2.0/TCP host.example.com;branch=z9hG4bK", ";rport" },
	{ "SIP/2.0/UDP [2001:db8::9:1]:6050;received=192.0.2.5;branch=z9hG4bK", "" },
	{ "SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bK", ".1" },
	{ "SIP/2.0/UDP 10.0.0.1;hidden;branch=", ";x=\"a;b,c\"" },
	{ "SIP/2.0/TLS h-", ".example.net" },
};
static const char *const others[] = {
	"Subject: ",
	"s:lunch\r\n  and tea",
	"User-Agent: x/1 (y) \"z\"",
	"X-Odd: ;;,,;;,;",
	"Contact: <sip:a@192.0.2.9>;q=0.5;expires=60",
	"m: sip:a@192.0.2.9;q=1, \"B\" <sip:b@h;transport=udp>",
	"Supported: path, outbound",
	"Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
	"Expires: 3600",
	"Date: Sat, 13 Nov 2010 23:29:00 GMT",
	"Accept: application/sdp;level=1, */*",
	"Allow: INVITE, ACK",
	"Warning: 307 isi.edu \"Session parameter 'foo' not understood\"",
	"Authorization: Digest username=\"b\",realm=\"r\",nonce=\"8\",uri=\"sip:b\",response=\"6\"",
};

static void put_name(struct buf *b, const char *full, const char *compact)
{
	const char *name = compact[0] && below(4) == 0 ? compact : full;

	for (; *name; name++)
		buf_char(b, below(8) == 0 ? (char)(slice_lower(*name)) : *name);
	if (below(10) == 0)
		buf_char(b, ' ');
	buf_char(b, ':');
	buf_str(b, PICK(blanks));
}

static void put_addr(struct buf *b, const char *full, const char *compact, const char *tag)
{
	const char *uri = PICK(uris);

	put_name(b, full, compact);
	if (below(4) == 0 && !strpbrk(uri, ";?,"))
		buf_str(b, uri);
	else
		buf_printf(b, "%s<%s>", PICK(names), uri);
	if (tag)
		buf_printf(b, "%s;%stag%s=%s%s", below(8) ? "" : PICK(blanks), below(8) ? "" : " ",
			   below(8) ? "" : " ", below(8) ? "" : " ", tag);
	if (below(6) == 0)
		buf_str(b, ";ext=\"a;tag=b\"");
	buf_str(b, "\r\n");
}

/* The line of one of the ten kinds of fields. */
static void put_field(struct buf *b, unsigned kind, const char *method)
{
	switch (kind) {
	case 0:
	case 1:
		put_name(b, "Via", "v");
		for (size_t n = below(3) + 1; n; n--) {
			size_t v = below(ARRAY_LEN(vias));

			buf_printf(b, "%s%zu%s%s", vias[v].head, below(1000) + 1, vias[v].tail,
				   n > 1 ? "," : "\r\n");
		}
		break;
	case 2:
		put_addr(b, "From", "f", below(10) ? "a48s" : NULL);
		break;
	case 3:
		put_addr(b, "To", "t", below(2) ? "x.y-Z" : NULL);
		break;
	case 4:
		put_name(b, "Call-ID", "i");
		buf_printf(b, "f81d4fae-%zu%s\r\n", below(100), below(2) ? "@foo.bar.com" : "");
		break;
	case 5:
		put_name(b, "CSeq", "");
		buf_printf(b, "%s%zu%s%s\r\n", below(8) ? "" : "00", below(100000),
			   below(8) ? " " : "\r\n  ", method);
		break;
	case 6:
		put_name(b, "Max-Forwards", "");
		buf_printf(b, "%zu\r\n", below(256));
		break;
	case 7:
		for (size_t n = below(3); n; n--) {
			put_name(b, "Route", "");
			buf_printf(b, "<%s>%s\r\n", PICK(uris),
				   below(3) ? "" : ", <sip:[::1];lr>;x=y");
		}
		break;
	default:
		buf_printf(b, "%s\r\n", PICK(others));
		break;
	}
}

void messages_generate(struct buf *b)
{
	static const char *const bodies[] = { "", "v=0\r\ns=-\r\n", "\r\n\r\nx", "no line end" };
	const char *method = PICK(methods);
	const char *body = PICK(bodies);
	unsigned kinds[11];

	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t j = below(i + 1);

		kinds[i] = kinds[j];
		kinds[j] = i;
	}
	buf_reset(b);
	if (below(4) == 0)
		buf_printf(b, "SIP/2.0 %zu %s\r\n", 100 + below(600),
			   below(4) ? "Reason; of \"some\" kind" : "");
	else
		buf_printf(b, "%s %s SIP/2.0\r\n", method, PICK(uris));
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		put_field(b, kinds[i], method);
	if (body[0])
		buf_str(b, "Content-Type: application/x\r\n");
	put_name(b, "Content-Length", "l");
	buf_printf(b, "%zu\r\n\r\n%s", strlen(body), body);
}

static size_t line_start(const struct buf *b, size_t at)
{
	while (at > 0 && b->data[at - 1] != '\n')
		at--;
	return at;
}

static size_t line_end(const struct buf *b, size_t at)
{
	while (at < b->len && b->data[at] != '\n')
		at++;
	return at < b->len ? at + 1 : at;
}

void messages_damage(struct buf *b)
{
	static const char bytes[] = "\r\n\t \"<>;:,=@%[]()/\\?&+-.0129aZ\x80\xff\x01";
	AUTO_BUF out = BUF_INIT;
	size_t at, start, end;

	if (b->len == 0)
		return;
	at = below(b->len);
	start = line_start(b, at);
	end = line_end(b, at);

	buf_put(&out, b->data, at);
	switch (below(6)) {
	case 0: /* another byte */
		buf_char(&out, bytes[below(sizeof(bytes))]);
		buf_put(&out, b->data + at + 1, b->len - at - 1);
		break;
	case 1: /* one more byte */
		buf_char(&out, bytes[below(sizeof(bytes))]);
		buf_put(&out, b->data + at, b->len - at);
		break;
	case 2: /* one less */
		buf_put(&out, b->data + at + 1, b->len - at - 1);
		break;
	case 3: /* a line twice */
		buf_put(&out, b->data + at, end - at);
		buf_put(&out, b->data + start, b->len - start);
		break;
	case 4: /* no such line */
		out.len = start;
		buf_put(&out, b->data + end, b->len - end);
		break;
	default: /* a swapped pair */
		buf_put(&out, b->data + at, b->len - at);
		if (at + 1 < b->len) {
			out.data[at] = b->data[at + 1];
			out.data[at + 1] = b->data[at];
		}
		break;
	}
	if (out.err) {
		b->err = out.err;
		return;
	}
	buf_reset(b);
	buf_put(b, out.data, out.len);
}
