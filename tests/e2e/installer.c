/* A Windows installer and the game that it installs, in one program: what it is depends on what it is called.

   As setup.exe it waits for a click, puts itself on drive C as a game, and notes that in the registry. As anything else it
   shows a window: green where the registry knows it, red where it does not. */

#include <windows.h>

static const char KEY[] = "Software\\Moving Card";
static const char FOLDER[] = "C:\\Program Files\\Moving Card";
static const char GAME[] = "C:\\Program Files\\Moving Card\\Moving Card.exe";
static BOOL is_setup;

static BOOL is_installed(void)
{
    DWORD value = 0, size = sizeof value;
    LSTATUS read = RegGetValueA(HKEY_LOCAL_MACHINE, KEY, "Installed", RRF_RT_REG_DWORD, NULL, &value, &size);
    return read == ERROR_SUCCESS && value == 1;
}

static void install(void)
{
    char own[MAX_PATH];
    DWORD one = 1;
    GetModuleFileNameA(NULL, own, sizeof own);
    CreateDirectoryA(FOLDER, NULL);
    if (!CopyFileA(own, GAME, FALSE))
        ExitProcess(3);
    RegSetKeyValueA(HKEY_LOCAL_MACHINE, KEY, "Installed", REG_DWORD, &one, sizeof one);
}

static LRESULT CALLBACK handle(HWND window, UINT message, WPARAM first, LPARAM second)
{
    switch (message) {
    case WM_LBUTTONUP:
        if (is_setup) {
            install();
            PostQuitMessage(0);
        }
        return 0;
    case WM_ERASEBKGND: {
        RECT all;
        COLORREF colour = is_setup ? RGB(40, 40, 220) : is_installed() ? RGB(20, 180, 40) : RGB(220, 30, 30);
        HBRUSH brush = CreateSolidBrush(colour);
        GetClientRect(window, &all);
        FillRect((HDC)first, &all, brush);
        DeleteObject(brush);
        return 1;
    }
    case WM_DESTROY:
        PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcA(window, message, first, second);
}

int WINAPI WinMain(HINSTANCE instance, HINSTANCE before, LPSTR words, int show)
{
    WNDCLASSA kind = {.lpfnWndProc = handle, .hInstance = instance, .lpszClassName = "card"};
    char own[MAX_PATH];
    MSG message;
    (void)before, (void)words, (void)show;
    GetModuleFileNameA(NULL, own, sizeof own);
    is_setup = lstrlenA(own) >= 9 && lstrcmpiA(own + lstrlenA(own) - 9, "setup.exe") == 0;
    RegisterClassA(&kind);
    CreateWindowA("card", "Moving Card", WS_POPUP | WS_VISIBLE, 0, 0, GetSystemMetrics(SM_CXSCREEN),
                  GetSystemMetrics(SM_CYSCREEN), NULL, NULL, instance, NULL);
    while (GetMessageA(&message, NULL, 0, 0) > 0) {
        TranslateMessage(&message);
        DispatchMessageA(&message);
    }
    return (int)message.wParam;
}
