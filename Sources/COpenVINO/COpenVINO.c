#define _GNU_SOURCE
#include "COpenVINO.h"
#include <dlfcn.h>
#include <string.h>

#ifdef OPENVINO_HEADER
/* Compiled only: a declaration of ours that differs from OpenVINO's is an error. */
#define OPENVINO_CHECK(result, name, parameters) functions->name = ov_##name;
void openVINOCheck(OpenVINOFunctions *functions) { OPENVINO_FUNCTIONS(OPENVINO_CHECK) }
#endif

const char *openVINOLoad(const char *library, OpenVINOFunctions *functions) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    void *symbol;
    if (!handle) return dlerror();
#define OPENVINO_FIND(result, name, parameters) \
    symbol = dlsym(handle, "ov_" #name); \
    if (!symbol) return "it has no function ov_" #name; \
    memcpy(&functions->name, &symbol, sizeof symbol);
    OPENVINO_FUNCTIONS(OPENVINO_FIND)
#undef OPENVINO_FIND
    return NULL;
}

const char *openVINOLibraryOf(const void *function) {
    Dl_info found;
    return dladdr(function, &found) ? found.dli_fname : NULL;
}
