"""ClickBench's table and its 43 statements, over rows made here: web analytics events whose columns have about the real table's
numbers of distinct values, skews and empty shares. Names are in lower case, so that every database agrees on them."""

# name, type, expression over r (row number) and h (a hash of it); h(n) is another hash of the row.
SMALL = ('javaenable goodevent useragent resolutiondepth flashmajor flashminor netmajor netminor useragentmajor cookieenable javascriptenable '
         'ismobile mobilephone browserlanguageid clienttimezone silverlightversion1 silverlightversion2 silverlightversion4 pagecharset '
         'islink isdownload isnotbounce isoldcounter isevent isparameter dontcounthits withhash age sex income interests robotness '
         'windowclientwidth windowclientheight histlength httperror refererregiondepth').split()


def columns():
    def number(kind, distinct, salt, zero=0):
        value = 'CAST(hash(r * 31 + %d) %% %d AS %s)' % (salt, distinct, kind)
        return 'CASE WHEN hash(r + %d) %% 100 < %d THEN 0 ELSE %s END::%s' % (salt * 7919, zero, value, kind) if zero else value

    def text(distinct, salt, empty, prefix, tail):
        # Squaring a uniform number makes few values common and most rare.
        value = ("'%s' || CAST(floor(pow((hash(r * 17 + %d) %% 1000000) / 1000000.0, 4) * %d) AS BIGINT) || '%s'" % (prefix, salt, distinct, tail))
        return "CASE WHEN hash(r + %d) %% 100 < %d THEN '' ELSE %s END" % (salt * 104729, empty, value)

    url = text(900000, 3, 1, 'http://example.com/shop/item/', '/view.html?from=catalog')
    google = "CASE WHEN hash(r) % 997 = 0 THEN 'http://www.google.com/search?q=' || (hash(r) % 5000) ELSE " + url + ' END'
    named = {
        'watchid': ('BIGINT', 'CAST(hash(r) % 9223372036854775807 AS BIGINT)'),
        'title': ('VARCHAR', "CASE WHEN hash(r + 5) % 2003 = 0 THEN 'Search in Google - ' || (hash(r) % 300) ELSE " + text(700000, 4, 15, 'Catalogue of goods, page ', ' - the best prices of the town') + ' END'),
        'eventtime': ('TIMESTAMP', "TIMESTAMP '2013-07-01 00:00:00' + to_seconds(CAST(r * 2678400.0 / n AS BIGINT))"),
        'eventdate': ('DATE', "CAST(TIMESTAMP '2013-07-01 00:00:00' + to_seconds(CAST(r * 2678400.0 / n AS BIGINT)) AS DATE)"),
        'counterid': ('INTEGER', 'CAST(CASE WHEN hash(r + 6) % 100 < 7 THEN 62 ELSE floor(pow((hash(r + 8) % 1000000) / 1000000.0, 3) * 6500) END AS INTEGER)'),
        'clientip': ('INTEGER', 'CAST(CAST(pow((hash(r + 9) % 1000000) / 1000000.0, 2) * 1000000 AS BIGINT) * 2147 - 1073741824 AS INTEGER)'),
        'regionid': ('INTEGER', 'CAST(floor(pow((hash(r + 10) % 1000000) / 1000000.0, 5) * 5000) AS INTEGER)'),
        'userid': ('BIGINT', 'CAST(hash(CAST(pow((hash(r + 11) % 10000000) / 10000000.0, 2) * (n / 6) AS BIGINT)) % 9223372036854775807 AS BIGINT)'),
        'counterclass': ('SMALLINT', number('SMALLINT', 2, 12)),
        'os': ('SMALLINT', number('SMALLINT', 90, 13)),
        'url': ('VARCHAR', google),
        'referer': ('VARCHAR', text(600000, 14, 20, 'https://www.partner', '.example.org/links/to/everything')),
        'isrefresh': ('SMALLINT', 'CAST(hash(r + 15) % 10 = 0 AS SMALLINT)'),
        'referercategoryid': ('SMALLINT', number('SMALLINT', 80, 16, 60)),
        'refererregionid': ('INTEGER', number('INTEGER', 2000, 17, 50)),
        'urlcategoryid': ('SMALLINT', number('SMALLINT', 100, 18, 30)),
        'urlregionid': ('INTEGER', number('INTEGER', 1000, 19, 40)),
        'resolutionwidth': ('SMALLINT', 'CAST(800 + (hash(r + 20) % 120) * 16 AS SMALLINT)'),
        'resolutionheight': ('SMALLINT', 'CAST(600 + (hash(r + 21) % 80) * 16 AS SMALLINT)'),
        'flashminor2': ('VARCHAR', text(60, 22, 5, '', '.0')),
        'useragentminor': ('VARCHAR', text(40, 23, 10, '', '')),
        'mobilephonemodel': ('VARCHAR', text(160, 24, 92, 'Phone ', '')),
        'params': ('VARCHAR', text(100, 25, 95, '{"a":', '}')),
        'ipnetworkid': ('INTEGER', number('INTEGER', 40000, 26)),
        'traficsourceid': ('SMALLINT', 'CAST(hash(r + 27) % 12 AS SMALLINT) - 1::SMALLINT'),
        'searchengineid': ('SMALLINT', number('SMALLINT', 40, 28, 75)),
        'searchphrase': ('VARCHAR', text(300000, 29, 87, 'how to buy thing ', ' cheaply')),
        'advengineid': ('SMALLINT', number('SMALLINT', 18, 30, 93)),
        'clienteventtime': ('TIMESTAMP', "TIMESTAMP '2013-07-01 03:00:00' + to_seconds(CAST(r * 2678400.0 / n AS BIGINT) + CAST(hash(r) % 600 AS BIGINT))"),
        'localeventtime': ('TIMESTAMP', "TIMESTAMP '2013-07-01 04:00:00' + to_seconds(CAST(r * 2678400.0 / n AS BIGINT) + CAST(hash(r) % 60 AS BIGINT))"),
        'codeversion': ('INTEGER', number('INTEGER', 30, 31)),
        'originalurl': ('VARCHAR', text(200000, 32, 60, 'http://origin.example.com/', '')),
        'hid': ('INTEGER', number('INTEGER', 1000000000, 33)),
        'funiqid': ('BIGINT', number('BIGINT', 9000000000000000, 34, 30)),
        'windowname': ('INTEGER', number('INTEGER', 3000, 35, 40)),
        'openername': ('INTEGER', number('INTEGER', 3000, 36, 80)),
        'hitcolor': ('VARCHAR', "substr('5EDWR', CAST(1 + hash(r + 37) % 5 AS BIGINT), 1)"),
        'browserlanguage': ('VARCHAR', "substr('enrudefrtr', CAST(1 + 2 * (hash(r + 38) % 5) AS BIGINT), 2)"),
        'browsercountry': ('VARCHAR', "substr('USRUDEFRTR', CAST(1 + 2 * (hash(r + 39) % 5) AS BIGINT), 2)"),
        'socialnetwork': ('VARCHAR', text(8, 40, 97, 'network', '')),
        'socialaction': ('VARCHAR', text(4, 41, 98, 'action', '')),
        'socialsourcepage': ('VARCHAR', text(500, 42, 98, 'http://social.example.net/', '')),
        'sendtiming': ('INTEGER', number('INTEGER', 30000, 43, 50)),
        'dnstiming': ('INTEGER', number('INTEGER', 3000, 44, 70)),
        'connecttiming': ('INTEGER', number('INTEGER', 3000, 45, 70)),
        'responsestarttiming': ('INTEGER', number('INTEGER', 9000, 46, 40)),
        'responseendtiming': ('INTEGER', number('INTEGER', 9000, 47, 40)),
        'fetchtiming': ('INTEGER', number('INTEGER', 9000, 48, 40)),
        'socialsourcenetworkid': ('SMALLINT', number('SMALLINT', 20, 49, 97)),
        'paramprice': ('BIGINT', number('BIGINT', 100000, 50, 98)),
        'paramorderid': ('VARCHAR', text(10000, 51, 99, 'order-', '')),
        'paramcurrency': ('VARCHAR', "CASE WHEN hash(r + 52) % 50 = 0 THEN 'USD' ELSE 'NH' || chr(28) END"),
        'paramcurrencyid': ('SMALLINT', number('SMALLINT', 5, 53, 95)),
        'openstatservicename': ('VARCHAR', text(20, 54, 96, 'service', '')),
        'openstatcampaignid': ('VARCHAR', text(900, 55, 96, '', '')),
        'openstatadid': ('VARCHAR', text(3000, 56, 96, '', '')),
        'openstatsourceid': ('VARCHAR', text(100, 57, 96, 'source', '')),
        'utmsource': ('VARCHAR', text(40, 58, 95, 'utm', '')),
        'utmmedium': ('VARCHAR', text(10, 59, 95, 'cpc', '')),
        'utmcampaign': ('VARCHAR', text(700, 60, 95, 'campaign', '')),
        'utmcontent': ('VARCHAR', text(300, 61, 96, '', '')),
        'utmterm': ('VARCHAR', text(300, 62, 97, 'term ', '')),
        'fromtag': ('VARCHAR', text(50, 63, 98, 'tag', '')),
        'hasgclid': ('SMALLINT', 'CAST(hash(r + 64) % 50 = 0 AS SMALLINT)'),
        'refererhash': ('BIGINT', 'CAST(CASE WHEN hash(r + 65) % 500 = 0 THEN 3594120000172545465 ELSE hash(r + 66) % 600000 END AS BIGINT)'),
        'urlhash': ('BIGINT', 'CAST(CASE WHEN hash(r + 67) % 400 = 0 THEN 2868770270353813622 ELSE hash(r + 68) % 900000 END AS BIGINT)'),
        'clid': ('INTEGER', number('INTEGER', 100, 69, 90)),
    }
    for i, name in enumerate(SMALL):
        named[name] = ('SMALLINT', number('SMALLINT', 2 + i * 7 % 50, 100 + i, 30))
    for i in range(105 - len(named)):
        named['spare%02d' % i] = ('SMALLINT', number('SMALLINT', 3, 200 + i))
    return named


def generate(database, rows):
    made = columns()
    select = ', '.join('(%s)::%s AS %s' % (expression, kind, name) for name, (kind, expression) in made.items())
    database.execute('CREATE TABLE hits (%s)' % ', '.join('%s %s NOT NULL' % (name, kind) for name, (kind, _) in made.items()))
    step = 1000000
    for first in range(0, rows, step):
        database.execute('INSERT INTO hits SELECT %s FROM (SELECT range AS r, %d::DOUBLE AS n FROM range(%d, %d))' %
                         (select, rows, first, min(rows, first + step)))


JULY = "counterid = 62 AND eventdate >= '2013-07-01' AND eventdate <= '2013-07-31'"

# Where the benchmark leaves the order of ties open under a LIMIT, the statement says it, so that rows can be compared.
STATEMENTS = [
    'SELECT count(*) FROM hits',
    'SELECT count(*) FROM hits WHERE advengineid <> 0',
    'SELECT sum(advengineid), count(*), avg(resolutionwidth) FROM hits',
    'SELECT avg(userid) FROM hits',
    'SELECT count(DISTINCT userid) FROM hits',
    'SELECT count(DISTINCT searchphrase) FROM hits',
    'SELECT min(eventdate), max(eventdate) FROM hits',
    'SELECT advengineid, count(*) FROM hits WHERE advengineid <> 0 GROUP BY advengineid ORDER BY count(*) DESC, 1',
    'SELECT regionid, count(DISTINCT userid) AS u FROM hits GROUP BY regionid ORDER BY u DESC, 1 LIMIT 10',
    'SELECT regionid, sum(advengineid), count(*) AS c, avg(resolutionwidth), count(DISTINCT userid) FROM hits GROUP BY regionid ORDER BY c DESC, 1 LIMIT 10',
    "SELECT mobilephonemodel, count(DISTINCT userid) AS u FROM hits WHERE mobilephonemodel <> '' GROUP BY mobilephonemodel ORDER BY u DESC, 1 LIMIT 10",
    "SELECT mobilephone, mobilephonemodel, count(DISTINCT userid) AS u FROM hits WHERE mobilephonemodel <> '' GROUP BY mobilephone, mobilephonemodel ORDER BY u DESC, 1, 2 LIMIT 10",
    "SELECT searchphrase, count(*) AS c FROM hits WHERE searchphrase <> '' GROUP BY searchphrase ORDER BY c DESC, 1 LIMIT 10",
    "SELECT searchphrase, count(DISTINCT userid) AS u FROM hits WHERE searchphrase <> '' GROUP BY searchphrase ORDER BY u DESC, 1 LIMIT 10",
    "SELECT searchengineid, searchphrase, count(*) AS c FROM hits WHERE searchphrase <> '' GROUP BY searchengineid, searchphrase ORDER BY c DESC, 1, 2 LIMIT 10",
    'SELECT userid, count(*) FROM hits GROUP BY userid ORDER BY count(*) DESC, 1 LIMIT 10',
    'SELECT userid, searchphrase, count(*) FROM hits GROUP BY userid, searchphrase ORDER BY count(*) DESC, 1, 2 LIMIT 10',
    'SELECT count(*) FROM (SELECT userid, searchphrase, count(*) FROM hits GROUP BY userid, searchphrase LIMIT 10) t',
    'SELECT userid, extract(minute FROM eventtime) AS m, searchphrase, count(*) FROM hits GROUP BY userid, m, searchphrase ORDER BY count(*) DESC, 1, 2, 3 LIMIT 10',
    'SELECT userid FROM hits WHERE userid = 435090932899640449',
    "SELECT count(*) FROM hits WHERE url LIKE '%google%'",
    "SELECT searchphrase, min(url), count(*) AS c FROM hits WHERE url LIKE '%google%' AND searchphrase <> '' GROUP BY searchphrase ORDER BY c DESC, 1 LIMIT 10",
    "SELECT searchphrase, min(url), min(title), count(*) AS c, count(DISTINCT userid) FROM hits WHERE title LIKE '%Google%' AND url NOT LIKE '%.google.%' AND searchphrase <> '' GROUP BY searchphrase ORDER BY c DESC, 1 LIMIT 10",
    "SELECT * FROM hits WHERE url LIKE '%google%' ORDER BY eventtime, watchid LIMIT 10",
    "SELECT searchphrase FROM hits WHERE searchphrase <> '' ORDER BY eventtime, searchphrase LIMIT 10",
    "SELECT searchphrase FROM hits WHERE searchphrase <> '' ORDER BY searchphrase LIMIT 10",
    "SELECT searchphrase FROM hits WHERE searchphrase <> '' ORDER BY eventtime, searchphrase LIMIT 10 OFFSET 5",
    "SELECT counterid, avg(length(url)) AS l, count(*) AS c FROM hits WHERE url <> '' GROUP BY counterid HAVING count(*) > 100000 ORDER BY l DESC, 1 LIMIT 25",
    "SELECT regexp_replace(referer, '^https?://(?:www\\.)?([^/]+)/.*$', '\\1') AS k, avg(length(referer)) AS l, count(*) AS c, min(referer) FROM hits WHERE referer <> '' GROUP BY k HAVING count(*) > 1000 ORDER BY l DESC, 1 LIMIT 25",
    'SELECT ' + ', '.join('sum(resolutionwidth + %d)' % i if i else 'sum(resolutionwidth)' for i in range(90)) + ' FROM hits',
    "SELECT searchengineid, clientip, count(*) AS c, sum(isrefresh), avg(resolutionwidth) FROM hits WHERE searchphrase <> '' GROUP BY searchengineid, clientip ORDER BY c DESC, 1, 2 LIMIT 10",
    "SELECT watchid, clientip, count(*) AS c, sum(isrefresh), avg(resolutionwidth) FROM hits WHERE searchphrase <> '' GROUP BY watchid, clientip ORDER BY c DESC, 1, 2 LIMIT 10",
    'SELECT watchid, clientip, count(*) AS c, sum(isrefresh), avg(resolutionwidth) FROM hits GROUP BY watchid, clientip ORDER BY c DESC, 1, 2 LIMIT 10',
    'SELECT url, count(*) AS c FROM hits GROUP BY url ORDER BY c DESC, 1 LIMIT 10',
    'SELECT 1, url, count(*) AS c FROM hits GROUP BY 1, url ORDER BY c DESC, 2 LIMIT 10',
    'SELECT clientip, clientip - 1, clientip - 2, clientip - 3, count(*) AS c FROM hits GROUP BY clientip, clientip - 1, clientip - 2, clientip - 3 ORDER BY c DESC, 1 LIMIT 10',
    "SELECT url, count(*) AS pageviews FROM hits WHERE " + JULY + " AND dontcounthits = 0 AND isrefresh = 0 AND url <> '' GROUP BY url ORDER BY pageviews DESC, 1 LIMIT 10",
    "SELECT title, count(*) AS pageviews FROM hits WHERE " + JULY + " AND dontcounthits = 0 AND isrefresh = 0 AND title <> '' GROUP BY title ORDER BY pageviews DESC, 1 LIMIT 10",
    "SELECT url, count(*) AS pageviews FROM hits WHERE " + JULY + " AND isrefresh = 0 AND islink <> 0 AND isdownload = 0 GROUP BY url ORDER BY pageviews DESC, 1 LIMIT 10 OFFSET 100",
    "SELECT traficsourceid, searchengineid, advengineid, CASE WHEN (searchengineid = 0 AND advengineid = 0) THEN referer ELSE '' END AS src, url AS dst, count(*) AS pageviews FROM hits WHERE " + JULY + " AND isrefresh = 0 GROUP BY traficsourceid, searchengineid, advengineid, src, dst ORDER BY pageviews DESC, 1, 2, 3, 4, 5 LIMIT 10 OFFSET 100",
    "SELECT urlhash, eventdate, count(*) AS pageviews FROM hits WHERE " + JULY + " AND isrefresh = 0 AND traficsourceid IN (-1, 6) AND refererhash = 3594120000172545465 GROUP BY urlhash, eventdate ORDER BY pageviews DESC, 1, 2 LIMIT 10 OFFSET 10",
    "SELECT windowclientwidth, windowclientheight, count(*) AS pageviews FROM hits WHERE " + JULY + " AND isrefresh = 0 AND dontcounthits = 0 AND urlhash = 2868770270353813622 GROUP BY windowclientwidth, windowclientheight ORDER BY pageviews DESC, 1, 2 LIMIT 10 OFFSET 1",
    "SELECT date_trunc('minute', eventtime) AS m, count(*) AS pageviews FROM hits WHERE counterid = 62 AND eventdate >= '2013-07-14' AND eventdate <= '2013-07-15' AND isrefresh = 0 AND dontcounthits = 0 GROUP BY date_trunc('minute', eventtime) ORDER BY date_trunc('minute', eventtime) LIMIT 10 OFFSET 1000",
]
