/* A Windows test program: does what its first argument says, and prints what becomes of it.

   usage: windows.exe window [popup]       a window; keys, mouse and raw mouse are printed
                      fullscreen W H       changes the screen's mode, then fills it; Esc changes it back and closes the window
                      warp                 a window that hides the pointer, keeps it in and puts it back to its middle, as shooters do
                      gl | d3d9 | d3d11 [on]
                                           draws by OpenGL or Direct3D and prints the colour that came back; `on`: and draws on and
                                           on, until its window is closed
                      tone                 a window, and a tone for as long as it is open
                      d3d12                makes a device and a queue, and prints what came of it
                      exit N | null | raise CODE | abort
                      child MS             leaves a child that shows a window and goes after MS milliseconds, and exits with 3
                      print TEXT...        */

#define _WIN32_WINNT 0x0601
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "drawing.h"

int is_drawing;
static int is_warping, has_changed_mode;

static void say_raw(LPARAM handle)
{
    RAWINPUT input;
    UINT size = sizeof input;
    if (GetRawInputData((HRAWINPUT)handle, RID_INPUT, &input, &size, sizeof(RAWINPUTHEADER)) != (UINT)-1
        && input.header.dwType == RIM_TYPEMOUSE && (input.data.mouse.lLastX || input.data.mouse.lLastY))
        printf("raw %ld %ld\n", input.data.mouse.lLastX, input.data.mouse.lLastY);
}

static void warp(HWND window)
{
    RECT area;
    POINT at, middle;
    GetClientRect(window, &area);
    middle.x = area.right / 2;
    middle.y = area.bottom / 2;
    GetCursorPos(&at);
    if (at.x != middle.x || at.y != middle.y) {
        printf("step %ld %ld\n", at.x - middle.x, at.y - middle.y);
        SetCursorPos(middle.x, middle.y);
        GetWindowRect(window, &area);
        ClipCursor(&area);
    }
}

static LRESULT CALLBACK on_message(HWND window, UINT message, WPARAM first, LPARAM second)
{
    switch (message) {
    case WM_SETFOCUS:
        printf("focus\n");
        break;
    case WM_KEYDOWN:
        printf("key %u\n", (unsigned)first);
        if (has_changed_mode && first == VK_ESCAPE)
            DestroyWindow(window);
        break;
    case WM_CHAR:
        printf("char %u\n", (unsigned)first);
        break;
    case WM_MOUSEMOVE:
        if (is_warping)
            warp(window);
        else
            printf("mouse %d %d\n", (short)LOWORD(second), (short)HIWORD(second));
        break;
    case WM_LBUTTONDOWN:
        printf("button\n");
        break;
    case WM_MOUSEWHEEL:
        printf("wheel %d\n", (short)HIWORD(first));
        break;
    case WM_INPUT:
        say_raw(second);
        break;
    case WM_SIZE:
        printf("size %d %d\n", LOWORD(second), HIWORD(second));
        break;
    case WM_PAINT: {
        PAINTSTRUCT paint;
        RECT area;
        HBRUSH brush = CreateSolidBrush(RGB(200, 60, 20));
        if (is_drawing)
            break;
        GetClientRect(window, &area);
        FillRect(BeginPaint(window, &paint), &area, brush);
        Ellipse(paint.hdc, area.right / 4, area.bottom / 4, area.right * 3 / 4, area.bottom * 3 / 4);
        EndPaint(window, &paint);
        DeleteObject(brush);
        return 0;
    }
    case WM_ENDSESSION:
        printf("session ends\n");
        break;
    case WM_DESTROY:
        PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcA(window, message, first, second);
}

HWND open_window(DWORD style, int width, int height)
{
    WNDCLASSA kind = {0};
    HWND window;
    kind.lpfnWndProc = on_message;
    kind.hInstance = GetModuleHandleA(NULL);
    kind.lpszClassName = "test";
    kind.hCursor = LoadCursorA(NULL, (LPCSTR)IDC_ARROW);
    RegisterClassA(&kind);
    window = CreateWindowA("test", "Test window", style | WS_VISIBLE, 0, 0, width, height, NULL, NULL, kind.hInstance, NULL);
    printf("window shows\n");
    return window;
}

static int pump(void)
{
    MSG message;
    while (GetMessageA(&message, NULL, 0, 0) > 0) {
        TranslateMessage(&message);
        DispatchMessageA(&message);
    }
    return 0;
}

static int play(DWORD style, int width, int height)
{
    RAWINPUTDEVICE mouse = {1, 2, 0, NULL};
    mouse.hwndTarget = open_window(style, width, height);
    RegisterRawInputDevices(&mouse, 1, sizeof mouse);
    if (is_warping) {
        RECT area;
        GetWindowRect(mouse.hwndTarget, &area);
        ShowCursor(FALSE);
        printf("clipped %d\n", ClipCursor(&area));
    }
    return pump();
}

static void say_screen(void)
{
    printf("screen %d %d\n", GetSystemMetrics(SM_CXSCREEN), GetSystemMetrics(SM_CYSCREEN));
}

static int fullscreen(int width, int height)
{
    DEVMODEA mode = {0};
    mode.dmSize = sizeof mode;
    mode.dmPelsWidth = width;
    mode.dmPelsHeight = height;
    mode.dmFields = DM_PELSWIDTH | DM_PELSHEIGHT;
    say_screen();
    printf("mode change %ld\n", ChangeDisplaySettingsA(&mode, CDS_FULLSCREEN));
    say_screen();
    has_changed_mode = 1;
    play(WS_POPUP, width, height);
    printf("mode change back %ld\n", ChangeDisplaySettingsA(NULL, 0));
    say_screen();
    has_changed_mode = 0;
    return play(WS_OVERLAPPEDWINDOW, 400, 300);
}

typedef BOOL(WINAPI *play_sound_fn)(const void *, HMODULE, DWORD);

/* Once a second anew, as a game begins its next piece: a sound device that is slow to come is heard a little later. */
static DWORD WINAPI __attribute__((noreturn)) keep_sounding(void *play_sound)
{
    enum { RATE = 22050, HZ = 441 };
    static struct {
        char riff[4];
        unsigned long bytes;
        char wave[8];
        unsigned long format_bytes;
        unsigned short format, channels;
        unsigned long rate, rate_bytes;
        unsigned short frame_bytes, bits;
        char data[4];
        unsigned long data_bytes;
        short samples[RATE];
    } sound = {"RIFF", sizeof sound - 8, "WAVEfmt ", 16, 1, 1, RATE, RATE * 2, 2, 16, "data", RATE * 2, {0}};
    int at, has_played = -1;
    for (at = 0; at < RATE; at++)
        sound.samples[at] = at * 2 * HZ / RATE % 2 ? 8000 : -8000;
    for (;;) {
        int plays = ((play_sound_fn)play_sound)(&sound, NULL, 4 | 2); /* SND_MEMORY, SND_NODEFAULT: until it has played */
        if (plays != has_played)
            printf("tone %d\n", plays);
        has_played = plays;
        if (!plays)
            Sleep(200);
    }
}

static int play_tone(void)
{
    void *play_sound = (void *)GetProcAddress(LoadLibraryA("winmm.dll"), "PlaySoundA");
    open_window(WS_OVERLAPPEDWINDOW, 400, 300);
    if (!play_sound || !CreateThread(NULL, 0, keep_sounding, play_sound, 0, NULL))
        printf("tone 0\n");
    return pump();
}

static int leave_child(const char *self, const char *ms)
{
    STARTUPINFOA start = {sizeof start};
    PROCESS_INFORMATION child;
    char line[1024];
    snprintf(line, sizeof line, "\"%s\" stay %s", self, ms);
    if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &child))
        return 1;
    return 3;
}

int main(int count, char **words)
{
    const char *what = count > 1 ? words[1] : "window";
    int at;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (!strcmp(what, "window"))
        return play(count > 2 ? WS_POPUP : WS_OVERLAPPEDWINDOW, 400, 300);
    if (!strcmp(what, "warp")) {
        is_warping = 1;
        return play(WS_POPUP, 640, 480);
    }
    if (!strcmp(what, "fullscreen"))
        return fullscreen(atoi(words[2]), atoi(words[3]));
    if (!strcmp(what, "gl"))
        return play_gl(count > 2);
    if (!strcmp(what, "d3d9"))
        return play_d3d9(count > 2);
    if (!strcmp(what, "d3d11"))
        return play_d3d11(count > 2);
    if (!strcmp(what, "tone"))
        return play_tone();
    if (!strcmp(what, "d3d12"))
        return open_d3d12();
    if (!strcmp(what, "exit"))
        return atoi(words[2]);
    if (!strcmp(what, "null"))
        *(volatile int *)0 = 1;
    if (!strcmp(what, "raise"))
        RaiseException(strtoul(words[2], NULL, 16), 0, 0, NULL);
    if (!strcmp(what, "abort"))
        abort();
    if (!strcmp(what, "child"))
        return leave_child(words[0], words[2]);
    if (!strcmp(what, "stay")) {
        open_window(WS_OVERLAPPEDWINDOW, 200, 100);
        Sleep(atoi(words[2]));
        printf("child is done\n");
    }
    if (!strcmp(what, "print"))
        for (at = 2; at < count; at++)
            printf("word %s\n", words[at]);
    return 0;
}
