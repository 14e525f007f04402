/* What the Windows program draws by OpenGL and Direct3D: a colour that it reads back and prints, then a box that moves. */

#define _WIN32_WINNT 0x0601
#define COBJMACROS
#define INITGUID
#include <windows.h>
#include <d3d11.h>
#include <d3d12.h>
#include <d3d9.h>
#include <GL/gl.h>
#include <stdio.h>
#include "drawing.h"

#define BOX_SIDE 100
#define BOX_STEPS 200

/* Shows pictures in which a box moves, until the window is closed. */
static int draw_on(void (*draw)(int left))
{
    MSG message;
    int at;
    for (at = 0;; at = (at + 4) % BOX_STEPS) {
        while (PeekMessageA(&message, NULL, 0, 0, PM_REMOVE)) {
            if (message.message == WM_QUIT)
                return 0;
            DispatchMessageA(&message);
        }
        draw(at);
        Sleep(30);
    }
}

static HWND open_canvas(void)
{
    is_drawing = 1;
    return open_window(WS_OVERLAPPEDWINDOW, 320, 240);
}

static HDC gl_device;

static void draw_gl(int left)
{
    glDisable(GL_SCISSOR_TEST);
    glClearColor(0.2f, 0.4f, 0.6f, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    glEnable(GL_SCISSOR_TEST);
    glScissor(left + 10, 10, BOX_SIDE, BOX_SIDE);
    glClearColor(1, 0.9f, 0.2f, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    SwapBuffers(gl_device);
}

int play_gl(int goes_on)
{
    PIXELFORMATDESCRIPTOR format = {sizeof format, 1, PFD_DRAW_TO_WINDOW | PFD_SUPPORT_OPENGL | PFD_DOUBLEBUFFER};
    unsigned char colour[4] = {0};
    gl_device = GetDC(open_canvas());
    format.cColorBits = 24;
    SetPixelFormat(gl_device, ChoosePixelFormat(gl_device, &format), &format);
    if (!wglMakeCurrent(gl_device, wglCreateContext(gl_device)))
        return 1;
    glClearColor(0.2f, 0.4f, 0.6f, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    glReadPixels(5, 5, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, colour);
    SwapBuffers(gl_device);
    printf("gl %d %d %d\n", colour[0], colour[1], colour[2]);
    return goes_on ? draw_on(draw_gl) : 0;
}

static IDirect3DDevice9 *device9;

static void draw_d3d9(int left)
{
    D3DRECT box = {left + 10, 10, left + 10 + BOX_SIDE, 10 + BOX_SIDE};
    IDirect3DDevice9_Clear(device9, 0, NULL, D3DCLEAR_TARGET, D3DCOLOR_XRGB(51, 102, 153), 1, 0);
    IDirect3DDevice9_Clear(device9, 1, &box, D3DCLEAR_TARGET, D3DCOLOR_XRGB(255, 230, 51), 1, 0);
    IDirect3DDevice9_Present(device9, NULL, NULL, NULL, NULL);
}

int play_d3d9(int goes_on)
{
    HWND window = open_canvas();
    IDirect3D9 *d3d = Direct3DCreate9(D3D_SDK_VERSION);
    D3DPRESENT_PARAMETERS wanted = {0};
    IDirect3DSurface9 *drawn, *copy;
    D3DLOCKED_RECT pixels;
    wanted.Windowed = TRUE;
    wanted.SwapEffect = D3DSWAPEFFECT_COPY;
    wanted.BackBufferFormat = D3DFMT_X8R8G8B8;
    wanted.BackBufferWidth = 320;
    wanted.BackBufferHeight = 240;
    wanted.BackBufferCount = 1;
    if (!d3d || IDirect3D9_CreateDevice(d3d, 0, D3DDEVTYPE_HAL, window, D3DCREATE_SOFTWARE_VERTEXPROCESSING, &wanted, &device9))
        return 1;
    IDirect3DDevice9_Clear(device9, 0, NULL, D3DCLEAR_TARGET, D3DCOLOR_XRGB(51, 102, 153), 1, 0);
    IDirect3DDevice9_GetBackBuffer(device9, 0, 0, D3DBACKBUFFER_TYPE_MONO, &drawn);
    IDirect3DDevice9_CreateOffscreenPlainSurface(device9, 320, 240, D3DFMT_X8R8G8B8, D3DPOOL_SYSTEMMEM, &copy, NULL);
    if (IDirect3DDevice9_GetRenderTargetData(device9, drawn, copy) || IDirect3DSurface9_LockRect(copy, &pixels, NULL, 0))
        return 2;
    printf("d3d9 %06lx\n", *(unsigned long *)pixels.pBits & 0xffffff);
    IDirect3DSurface9_UnlockRect(copy);
    IDirect3DDevice9_Present(device9, NULL, NULL, NULL, NULL);
    return goes_on ? draw_on(draw_d3d9) : 0;
}

static IDXGISwapChain *chain11;
static ID3D11DeviceContext *context11;
static ID3D11Texture2D *drawn11;
static ID3D11RenderTargetView *target11;
static const float ground11[4] = {51 / 255.f, 102 / 255.f, 153 / 255.f, 1};

static void draw_d3d11(int left)
{
    static unsigned long pixels[BOX_SIDE * BOX_SIDE];
    D3D11_BOX box = {left + 10, 10, 0, left + 10 + BOX_SIDE, 10 + BOX_SIDE, 1};
    int at;
    for (at = 0; at < BOX_SIDE * BOX_SIDE; at++)
        pixels[at] = 0xff33e6ff;
    ID3D11DeviceContext_ClearRenderTargetView(context11, target11, ground11);
    ID3D11DeviceContext_UpdateSubresource(context11, (ID3D11Resource *)drawn11, 0, &box, pixels, BOX_SIDE * 4, 0);
    IDXGISwapChain_Present(chain11, 0, 0);
}

int play_d3d11(int goes_on)
{
    /* By its name, so that a program that draws otherwise does not load it. */
    PFN_D3D11_CREATE_DEVICE_AND_SWAP_CHAIN create =
        (PFN_D3D11_CREATE_DEVICE_AND_SWAP_CHAIN)(void *)GetProcAddress(LoadLibraryA("d3d11.dll"), "D3D11CreateDeviceAndSwapChain");
    ID3D11Device *device;
    ID3D11Texture2D *copy;
    D3D11_TEXTURE2D_DESC texture;
    D3D11_MAPPED_SUBRESOURCE pixels;
    DXGI_SWAP_CHAIN_DESC wanted = {0};
    wanted.BufferDesc.Width = 320;
    wanted.BufferDesc.Height = 240;
    wanted.BufferDesc.Format = DXGI_FORMAT_R8G8B8A8_UNORM;
    wanted.SampleDesc.Count = 1;
    wanted.BufferUsage = DXGI_USAGE_RENDER_TARGET_OUTPUT;
    wanted.BufferCount = 1;
    wanted.OutputWindow = open_canvas();
    wanted.Windowed = TRUE;
    if (!create || create(NULL, D3D_DRIVER_TYPE_HARDWARE, NULL, 0, NULL, 0, D3D11_SDK_VERSION, &wanted, &chain11, &device, NULL, &context11))
        return 1;
    if (IDXGISwapChain_GetBuffer(chain11, 0, &IID_ID3D11Texture2D, (void **)&drawn11)
        || ID3D11Device_CreateRenderTargetView(device, (ID3D11Resource *)drawn11, NULL, &target11))
        return 2;
    ID3D11DeviceContext_ClearRenderTargetView(context11, target11, ground11);
    ID3D11Texture2D_GetDesc(drawn11, &texture);
    texture.Usage = D3D11_USAGE_STAGING;
    texture.BindFlags = 0;
    texture.CPUAccessFlags = D3D11_CPU_ACCESS_READ;
    if (ID3D11Device_CreateTexture2D(device, &texture, NULL, &copy))
        return 3;
    ID3D11DeviceContext_CopyResource(context11, (ID3D11Resource *)copy, (ID3D11Resource *)drawn11);
    if (ID3D11DeviceContext_Map(context11, (ID3D11Resource *)copy, 0, D3D11_MAP_READ, 0, &pixels))
        return 4;
    printf("d3d11 %02x%02x%02x\n", ((unsigned char *)pixels.pData)[0], ((unsigned char *)pixels.pData)[1], ((unsigned char *)pixels.pData)[2]);
    ID3D11DeviceContext_Unmap(context11, (ID3D11Resource *)copy, 0);
    IDXGISwapChain_Present(chain11, 0, 0);
    return goes_on ? draw_on(draw_d3d11) : 0;
}

/* No picture: whether there is a Direct3D 12 that can be asked to draw. */
int open_d3d12(void)
{
    PFN_D3D12_CREATE_DEVICE create = (PFN_D3D12_CREATE_DEVICE)(void *)GetProcAddress(LoadLibraryA("d3d12.dll"), "D3D12CreateDevice");
    D3D12_COMMAND_QUEUE_DESC wanted = {0};
    ID3D12Device *device;
    ID3D12CommandQueue *queue;
    long result = create ? create(NULL, D3D_FEATURE_LEVEL_11_0, &IID_ID3D12Device, (void **)&device) : -1;
    if (!result)
        result = ID3D12Device_CreateCommandQueue(device, &wanted, &IID_ID3D12CommandQueue, (void **)&queue);
    printf("d3d12 %08lx\n", result);
    return result != 0;
}
