/* Passwords from the terminal or from standard input. */
#include <errno.h>
#include <openssl/crypto.h>
#include <termios.h>

#include "tool/password.h"
#include "tool/tool.h"

bool password_read(FILE *in, char buf[PASSWORD_MAX + 1], struct slice *ret)
{
	size_t n = 0;
	int c;

	while ((c = getc(in)) != EOF && c != '\n') {
		if (n == PASSWORD_MAX) {
			tool_error("the password is longer than %d bytes", PASSWORD_MAX);
			return false;
		}
		buf[n++] = (char)c;
	}
	if (n && buf[n - 1] == '\r')
		n--;
	if (n == 0) {
		tool_error("the password is empty");
		return false;
	}
	buf[n] = '\0';
	*ret = slice_of(buf, n);
	return true;
}

static bool ask_once(FILE *tty, const char *prompt, const char *who, char *buf, struct slice *ret)
{
	bool ok;

	fprintf(tty, "%s%s: ", prompt, who);
	(void)fflush(tty);
	ok = password_read(tty, buf, ret);
	fputc('\n', tty);
	return ok;
}

bool password_ask(const char *who, char buf[PASSWORD_MAX + 1], struct slice *ret)
{
	char again_buf[PASSWORD_MAX + 1];
	struct termios before, silent;
	struct slice again;
	bool ok;
	FILE *tty = fopen("/dev/tty", "r+");

	if (!tty || tcgetattr(fileno(tty), &before) < 0) {
		tool_error("no terminal to ask for the password on: use --password-stdin");
		if (tty)
			(void)fclose(tty);
		return false;
	}
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(fileno(tty), TCSAFLUSH, &silent) < 0) {
		tool_error("cannot turn off echo: %s", strerror(errno));
		(void)fclose(tty);
		return false;
	}
	ok = ask_once(tty, "Password for ", who, buf, ret) &&
	     ask_once(tty, "Again", "", again_buf, &again);
	(void)tcsetattr(fileno(tty), TCSAFLUSH, &before);
	(void)fclose(tty);
	if (ok && !slice_eq(*ret, again)) {
		tool_error("the two passwords differ");
		ok = false;
	}
	OPENSSL_cleanse(again_buf, sizeof(again_buf));
	return ok;
}
