// The one C++ file: hands the C test records to GoogleTest.
#include "shim.h"

#include <gtest/gtest.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string>

namespace
{

// Set by constructors before main, so it must need no constructor of its own.
shim_test *first_test = nullptr;
shim_test **last_link = &first_test;

void (*after_each)(const char *failures) = nullptr;
std::mutex failures_lock; // guards failures
std::string failures;     // of the running test, one line each

std::string take_failures()
{
    const std::lock_guard<std::mutex> hold(failures_lock);
    std::string taken;
    taken.swap(failures);
    return taken;
}

class CTest : public testing::Test
{
  public:
    explicit CTest(const shim_test *test) : test_(test)
    {
    }
    void TestBody() override
    {
        take_failures();
        test_->body(test_->context);
        if (after_each)
            after_each(take_failures().c_str());
    }

  private:
    const shim_test *test_;
};

std::string format_text(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, arguments);
    std::string text(length < 0 ? 0 : static_cast<std::size_t>(length), '\0');
    std::vsnprintf(text.data(), text.size() + 1, format, again);
    va_end(again);
    return text;
}

void report(testing::TestPartResult::Type type, const char *file, int line, const std::string &text)
{
    testing::internal::AssertHelper(type, file, line, text.c_str()) = testing::Message();
}

} // namespace

void shim_register(shim_test *test)
{
    test->next = nullptr;
    *last_link = test;
    last_link = &test->next;
}

void shim_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const std::string text = format_text(format, arguments);
    va_end(arguments);
    report(testing::TestPartResult::kNonFatalFailure, file, line, text);
    const std::lock_guard<std::mutex> hold(failures_lock);
    failures += std::string(file) + ":" + std::to_string(line) + ": " + text + "\n";
}

void shim_skip(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(testing::TestPartResult::kSkip, file, line, format_text(format, arguments));
    va_end(arguments);
}

bool shim_failed(void)
{
    return testing::Test::HasFailure();
}

void shim_after_each(void (*hook)(const char *failures))
{
    after_each = hook;
}

int shim_main(int argc, char **argv)
{
    testing::InitGoogleTest(&argc, argv);
    if (!first_test) {
        std::fprintf(stderr, "%s: no test is registered\n", argv[0]);
        return 1;
    }
    for (const shim_test *test = first_test; test; test = test->next)
        testing::RegisterTest(test->suite, test->name, nullptr, nullptr, test->file, test->line,
                              [test]() -> testing::Test * { return new CTest(test); });
    return RUN_ALL_TESTS();
}
