/*
 * SIP-date: RFC 3261 25.1, the RFC 1123 form, always GMT. Other zones are refused (RFC 4475
 * 3.1.2.12); the day of the week must be one, but need not be right.
 */
#include "sip/date.h"

#include <errno.h>
#include <stdio.h>

static const char weekdays[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Position of the three letters at @p among @names, or -1. */
static int find_name(const char *p, const char *names)
{
	for (int i = 0; names[i]; i += 3) {
		if (slice_ieq(slice_of(p, 3), slice_of(names + i, 3)))
			return i / 3;
	}
	return -1;
}

/* @n digits at @p; -1 if they are not. */
static int number(const char *p, unsigned n)
{
	int v = 0;

	for (; n; n--, p++) {
		if (*p < '0' || *p > '9')
			return -1;
		v = v * 10 + (*p - '0');
	}
	return v;
}

static bool is_leap(int64_t y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int days_in_month(int64_t y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[m] + (m == 1 && is_leap(y));
}

/* Days from 1 January of year 1 to that of year @y, in the calendar without end. */
static int64_t days_before_year(int64_t y)
{
	y--;
	return y * 365 + y / 4 - y / 100 + y / 400;
}

#define EPOCH_DAYS INT64_C(719162) /* days_before_year(1970) */
#define DAY INT64_C(86400)

int sip_date_parse(struct slice s, int64_t *ret)
{
	static const char form[] = "www, dd mmm yyyy hh:mm:ss GMT";
	int day, month, year, hour, minute, second;
	int64_t days;

	if (s.n != SIP_DATE_LEN)
		return -EBADMSG;
	for (size_t i = 0; i < SIP_DATE_LEN; i++) {
		if (form[i] < 'a' && slice_lower(form[i]) != slice_lower(s.p[i]))
			return -EBADMSG;
	}
	month = find_name(s.p + 8, months);
	day = number(s.p + 5, 2);
	year = number(s.p + 12, 4);
	hour = number(s.p + 17, 2);
	minute = number(s.p + 20, 2);
	second = number(s.p + 23, 2);
	/* 60 is a leap second. */
	if (find_name(s.p, weekdays) < 0 || month < 0 || year < 1 || day < 1 ||
	    day > days_in_month(year, month) || hour < 0 || hour > 23 || minute < 0 ||
	    minute > 59 || second < 0 || second > 60)
		return -EBADMSG;

	days = days_before_year(year) - EPOCH_DAYS + day - 1;
	for (int m = 0; m < month; m++)
		days += days_in_month(year, m);
	*ret = days * DAY + hour * 3600 + minute * 60 + second;
	return 0;
}

void sip_date_format(int64_t t, char out[SIP_DATE_LEN + 1])
{
	/* Four digits of year are all there is: what lies outside becomes the first or last second.
	 */
	const int64_t first = -EPOCH_DAYS * DAY;
	const int64_t last = (days_before_year(10000) - EPOCH_DAYS) * DAY - 1;
	int64_t days, second, year;
	int month = 0;

	t = t < first ? first : t > last ? last : t;
	days = (t - first) / DAY;
	second = (t - first) % DAY;
	year = days / 366 + 1;
	while (days_before_year(year + 1) <= days)
		year++;

	/* 1 January of year 1 was a Monday. */
	memcpy(out, weekdays + (days + 1) % 7 * 3, 3);
	days -= days_before_year(year);
	while (days >= days_in_month(year, month))
		days -= days_in_month(year, month++);
	(void)snprintf(out + 3, SIP_DATE_LEN - 2, ", %02u %.3s %04u %02u:%02u:%02u GMT",
		       (unsigned)(days + 1) % 100, months + month * 3, (unsigned)year % 10000,
		       (unsigned)(second / 3600) % 100, (unsigned)(second / 60 % 60),
		       (unsigned)(second % 60));
}
