"""One line per comparison and the sum."""
import sys
import time
import traceback

from rows import difference, sorted_rows


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def _line(self, verdict, writer, reader, table, what, detail=''):
        print('%-7s %-10s -> %-10s %-26s %s' % (verdict, writer, reader, table, what), flush=True)
        for line in detail.splitlines():
            print('        ' + line, flush=True)

    def equal(self, writer, reader, table, kinds, expected, read):
        """`read()` gives rows; they must be `expected`, whatever their order."""
        started = time.time()
        try:
            wanted, got = sorted_rows(expected, kinds), sorted_rows(read(), kinds)
            problem = difference(wanted, got)
        except Exception as error:  # any failure of a reader is a failed comparison, and the next one runs
            problem, got = describe(error), []
        if problem:
            self.failed += 1
            self._line('FAILED', writer, reader, table, '', problem)
        else:
            self.passed += 1
            self._line('ok', writer, reader, table, '%d rows, %.1f s' % (len(got), time.time() - started))

    def succeeds(self, writer, reader, table, what, action):
        """A step that later comparisons need."""
        try:
            action()
            return True
        except Exception as error:
            self.failed += 1
            self._line('FAILED', writer, reader, table, what, describe(error))
            return False

    def refused(self, writer, reader, table, action, *words):
        """The reader must say no with an error that has all the words."""
        try:
            action()
            problem = 'nothing was refused'
        except Exception as error:
            text = str(error)
            problem = '' if all(word in text for word in words) else 'refused without %s: %s' % (words, text)
        if problem:
            self.failed += 1
            self._line('FAILED', writer, reader, table, 'to be refused', problem)
        else:
            self.passed += 1
            self._line('ok', writer, reader, table, 'refused by name')

    def conclude(self):
        print('%d comparisons passed, %d failed, 0 skipped' % (self.passed, self.failed))
        return 1 if self.failed or not self.passed else 0


def describe(error):
    text = ''.join(traceback.format_exception_only(type(error), error)).strip()
    if '--verbose' in sys.argv:
        text = ''.join(traceback.format_exception(error))
    return '\n'.join(text.splitlines()[:4])[:1500]
