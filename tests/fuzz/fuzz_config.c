/* A configuration file of any bytes is read or refused with a reason. */
#include <errno.h>

#include "config/snapshot.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = NULL;
	AUTO_BUF err = BUF_INIT;
	int rc;

	if (size > CONFIG_FILE_MAX)
		return 0;
	rc = config_parse(slice_of((const char *)data, size), "/nonexistent/fuzz.conf", &c, &err);
	FUZZ_ASSERT(rc == 0 || rc == -EBADMSG);
	FUZZ_ASSERT((rc == 0) == (c != NULL));
	FUZZ_ASSERT((rc == 0) == (err.len == 0));
	FUZZ_ASSERT(err.len == 0 || err.data[err.len - 1] == '\n');
	config_unref(c);
	return 0;
}
