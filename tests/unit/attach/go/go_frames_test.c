#include "attach/go/frames.h"

#include "tests/unit/check_main.h"

START_TEST(the_root_of_a_program_is_its_module_or_repository)
{
    static const char *const cases[][2] = {
        {"example.com/app", "example.com/app"},
        {"github.com/prometheus/prometheus/cmd/prometheus", "github.com/prometheus/prometheus"},
        {"github.com/prometheus/prometheus", "github.com/prometheus/prometheus"},
        {"github.com/caddyserver/caddy/v2", "github.com/caddyserver/caddy"},
        {"github.com/odd", "github.com/odd"},
        {"go.etcd.io/etcd/server/cmd/etcd", "go.etcd.io/etcd/server"},
        {"example.com/tool/cmd", "example.com/tool"},
        {"example.com/cmdline/x", "example.com/cmdline/x"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *root = go_application_root(cases[i][0]);
        ck_assert_str_eq(root, cases[i][1]);
        free(root);
    }
}
END_TEST

START_TEST(functions_have_an_origin)
{
    static const struct {
        const char *name;
        enum frame_origin origin;
    } cases[] = {
        {"main.main", FRAME_APPLICATION},
        {"main.(*stack[go.shape.string]).Push", FRAME_APPLICATION},
        {"main.fill[github.com/other/thing.T]", FRAME_APPLICATION},
        {"example.com/app.Run", FRAME_APPLICATION},
        {"example.com/app/store.(*Store).Put.func1", FRAME_APPLICATION},
        {"example.com/app/yaml%2ev3.Unmarshal", FRAME_APPLICATION},
        {"example.com/application.Run", FRAME_DEPENDENCY},
        {"github.com/some/dependency.F", FRAME_DEPENDENCY},
        {"gopkg.in/yaml%2ev3.Unmarshal", FRAME_DEPENDENCY},
        {"runtime.mallocgc", FRAME_RUNTIME},
        {"internal/runtime/maps.(*Map).putSlot", FRAME_RUNTIME},
        {"runtime/internal/atomic.Load", FRAME_RUNTIME},
        {"reflect.makeFuncStub", FRAME_RUNTIME},
        {"type:.eq.github.com/some/dependency.T", FRAME_RUNTIME},
        {"type..hash.main.key", FRAME_RUNTIME},
        {"callRet", FRAME_RUNTIME},
        {"runtime/pprof.StartCPUProfile", FRAME_STANDARD},
        {"reflect.Value.Call", FRAME_STANDARD},
        {"net/http.(*conn).serve", FRAME_STANDARD},
        {"vendor/golang.org/x/net/http2/hpack.NewDecoder", FRAME_STANDARD},
        {"strings.Map", FRAME_STANDARD},
        {"_cgo_panic", FRAME_NATIVE},
        {"", FRAME_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(go_function_origin(cases[i].name, "example.com/app") == cases[i].origin, "%s: %d", cases[i].name,
                      go_function_origin(cases[i].name, "example.com/app"));
    /* A module may be named without a domain, and escaped in symbols. */
    ck_assert_int_eq(go_function_origin("tool/store.Put", "tool"), FRAME_APPLICATION);
    ck_assert_int_eq(go_function_origin("gopkg.in/tool%2ev3.Put", "gopkg.in/tool.v3"), FRAME_APPLICATION);
    ck_assert_int_eq(go_function_origin("gopkg.in/tool%2ev3/store.Put", "gopkg.in/tool.v3"), FRAME_APPLICATION);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_frames");
    TCase *tests = tcase_create("frames");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, the_root_of_a_program_is_its_module_or_repository);
    tcase_add_test(tests, functions_have_an_origin);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
