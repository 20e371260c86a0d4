/* Runs a fuzzer on every file of a directory once: what was found before stays fixed. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX (1024 * 1024)

static int replay(const char *dir, const char *name)
{
	static uint8_t data[INPUT_MAX];
	char path[4096];
	uint8_t *copy;
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f) {
		(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	n = fread(data, 1, sizeof(data), f);
	(void)fclose(f);
	/* A block of its own size, so that a sanitizer sees a read past the end. */
	copy = malloc(n ? n : 1);
	if (!copy)
		return -1;
	memcpy(copy, data, n);
	(void)LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	unsigned files = 0;
	DIR *dir;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	dir = opendir(argv[1]);
	if (!dir) {
		(void)fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (replay(argv[1], entry->d_name) < 0) {
			(void)closedir(dir);
			return 1;
		}
		files++;
	}
	(void)closedir(dir);
	(void)printf("%u inputs\n", files);
	return files ? 0 : 1;
}
