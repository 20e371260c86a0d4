/* Reason phrases: RFC 3261 21, and the codes that later RFCs registered with IANA. */
#include "sip/status.h"

/* Sorted by code. */
static const struct {
	unsigned status;
	struct slice reason;
} phrases[] = {
	{ 100, SLICE_INIT("Trying") },
	{ 180, SLICE_INIT("Ringing") },
	{ 181, SLICE_INIT("Call Is Being Forwarded") },
	{ 182, SLICE_INIT("Queued") },
	{ 183, SLICE_INIT("Session Progress") },
	{ 199, SLICE_INIT("Early Dialog Terminated") },
	{ 200, SLICE_INIT("OK") },
	{ 202, SLICE_INIT("Accepted") },
	{ 204, SLICE_INIT("No Notification") },
	{ 300, SLICE_INIT("Multiple Choices") },
	{ 301, SLICE_INIT("Moved Permanently") },
	{ 302, SLICE_INIT("Moved Temporarily") },
	{ 305, SLICE_INIT("Use Proxy") },
	{ 380, SLICE_INIT("Alternative Service") },
	{ 400, SLICE_INIT("Bad Request") },
	{ 401, SLICE_INIT("Unauthorized") },
	{ 402, SLICE_INIT("Payment Required") },
	{ 403, SLICE_INIT("Forbidden") },
	{ 404, SLICE_INIT("Not Found") },
	{ 405, SLICE_INIT("Method Not Allowed") },
	{ 406, SLICE_INIT("Not Acceptable") },
	{ 407, SLICE_INIT("Proxy Authentication Required") },
	{ 408, SLICE_INIT("Request Timeout") },
	{ 410, SLICE_INIT("Gone") },
	{ 412, SLICE_INIT("Conditional Request Failed") },
	{ 413, SLICE_INIT("Request Entity Too Large") },
	{ 414, SLICE_INIT("Request-URI Too Long") },
	{ 415, SLICE_INIT("Unsupported Media Type") },
	{ 416, SLICE_INIT("Unsupported URI Scheme") },
	{ 417, SLICE_INIT("Unknown Resource-Priority") },
	{ 420, SLICE_INIT("Bad Extension") },
	{ 421, SLICE_INIT("Extension Required") },
	{ 422, SLICE_INIT("Session Interval Too Small") },
	{ 423, SLICE_INIT("Interval Too Brief") },
	{ 424, SLICE_INIT("Bad Location Information") },
	{ 425, SLICE_INIT("Bad Alert Message") },
	{ 428, SLICE_INIT("Use Identity Header") },
	{ 429, SLICE_INIT("Provide Referrer Identity") },
	{ 430, SLICE_INIT("Flow Failed") },
	{ 433, SLICE_INIT("Anonymity Disallowed") },
	{ 436, SLICE_INIT("Bad Identity Info") },
	{ 437, SLICE_INIT("Unsupported Credential") },
	{ 438, SLICE_INIT("Invalid Identity Header") },
	{ 439, SLICE_INIT("First Hop Lacks Outbound Support") },
	{ 440, SLICE_INIT("Max-Breadth Exceeded") },
	{ 469, SLICE_INIT("Bad Info Package") },
	{ 470, SLICE_INIT("Consent Needed") },
	{ 480, SLICE_INIT("Temporarily Unavailable") },
	{ 481, SLICE_INIT("Call/Transaction Does Not Exist") },
	{ 482, SLICE_INIT("Loop Detected") },
	{ 483, SLICE_INIT("Too Many Hops") },
	{ 484, SLICE_INIT("Address Incomplete") },
	{ 485, SLICE_INIT("Ambiguous") },
	{ 486, SLICE_INIT("Busy Here") },
	{ 487, SLICE_INIT("Request Terminated") },
	{ 488, SLICE_INIT("Not Acceptable Here") },
	{ 489, SLICE_INIT("Bad Event") },
	{ 491, SLICE_INIT("Request Pending") },
	{ 493, SLICE_INIT("Undecipherable") },
	{ 494, SLICE_INIT("Security Agreement Required") },
	{ 500, SLICE_INIT("Server Internal Error") },
	{ 501, SLICE_INIT("Not Implemented") },
	{ 502, SLICE_INIT("Bad Gateway") },
	{ 503, SLICE_INIT("Service Unavailable") },
	{ 504, SLICE_INIT("Server Time-out") },
	{ 505, SLICE_INIT("Version Not Supported") },
	{ 513, SLICE_INIT("Message Too Large") },
	{ 555, SLICE_INIT("Push Notification Service Not Supported") },
	{ 580, SLICE_INIT("Precondition Failure") },
	{ 600, SLICE_INIT("Busy Everywhere") },
	{ 603, SLICE_INIT("Decline") },
	{ 604, SLICE_INIT("Does Not Exist Anywhere") },
	{ 606, SLICE_INIT("Not Acceptable") },
	{ 607, SLICE_INIT("Unwanted") },
	{ 608, SLICE_INIT("Rejected") },
};

/* RFC 3261 7.2. */
static const struct slice classes[] = {
	SLICE_INIT("Unknown"),        SLICE_INIT("Provisional"),  SLICE_INIT("Success"),
	SLICE_INIT("Redirection"),    SLICE_INIT("Client Error"), SLICE_INIT("Server Error"),
	SLICE_INIT("Global Failure"),
};

struct slice sip_status_reason(unsigned status)
{
	size_t lo = 0, hi = sizeof(phrases) / sizeof(phrases[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (phrases[mid].status == status)
			return phrases[mid].reason;
		if (phrases[mid].status < status)
			lo = mid + 1;
		else
			hi = mid;
	}
	return status < 700 ? classes[status / 100] : classes[0];
}
