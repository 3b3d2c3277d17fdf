#include <onnxruntime_c_api.h>
#include <stddef.h>

/* What ONNX Runtime 1.22 (API 22) put behind the functions that the oldest header declares (API 21). Its tables grow at the end and
   nowhere else, so that the positions are the same in every later version. Objects of the editor are void here: newer headers have names
   for them. */

typedef struct ModelEditorFunctions {
    void *typeInfos[5];
    OrtStatusPtr (*CreateValueInfo)(const char *name, const OrtTypeInfo *type, void **valueInfo);
    void *node;
    OrtStatusPtr (*CreateGraph)(void **graph);
    OrtStatusPtr (*SetGraphInputs)(void *graph, void **valueInfos, size_t count);
    void *outputs;
    OrtStatusPtr (*AddInitializerToGraph)(void *graph, const char *name, OrtValue *value, _Bool isExternal);
    void *addNode;
    OrtStatusPtr (*CreateModel)(const char *const *domains, const int *versions, size_t count, void **model);
    OrtStatusPtr (*AddGraphToModel)(void *model, void *graph);
    void *sessions[2];
    OrtStatusPtr (*CreateModelEditorSessionFromArray)(
        const OrtEnv *environment, const void *model, size_t byteCount, const OrtSessionOptions *options, OrtSession **session);
    OrtStatusPtr (*SessionGetOpsetForDomain)(const OrtSession *session, const char *domain, int *version);
    OrtStatusPtr (*ApplyModelToModelEditorSession)(OrtSession *session, void *model);
    OrtStatusPtr (*FinalizeModelEditorSession)(
        OrtSession *session, const OrtSessionOptions *options, OrtPrepackedWeightsContainer *container);
} ModelEditorFunctions;

typedef struct LaterFunctions {
    void (*ReleaseValueInfo)(void *);
    void (*ReleaseNode)(void *);
    void (*ReleaseGraph)(void *);
    void (*ReleaseModel)(void *);
    void *valueInfos[2];
    const ModelEditorFunctions *(*GetModelEditorApi)(void);
    OrtStatusPtr (*CreateTensorWithDataAndDeleterAsOrtValue)(
        OrtAllocator *deleter, void *data, size_t byteCount, const int64_t *extents, size_t rank, ONNXTensorElementDataType type,
        OrtValue **value);
} LaterFunctions;

/* Of a table that was asked for at API 22 or later. */
static inline const LaterFunctions *laterFunctions(const OrtApi *api) {
    return (const LaterFunctions *)((const char *)api + offsetof(OrtApi, SetEpDynamicOptions) + sizeof(void (*)(void)));
}
