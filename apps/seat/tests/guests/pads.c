/* A Windows test guest that plays with a gamepad: prints what XInput and joyGetPosEx see of it, and lets it rumble. */
#include <stdio.h>
#include <windows.h>
#include <mmsystem.h>
#include <xinput.h>

typedef DWORD(WINAPI *get_state)(DWORD, XINPUT_STATE *);
typedef DWORD(WINAPI *set_state)(DWORD, XINPUT_VIBRATION *);

static void look_at_xinput(get_state get, set_state set) {
    static XINPUT_STATE before;
    static int was_there;
    XINPUT_STATE now;
    int is_there = get(0, &now) == ERROR_SUCCESS;
    if (is_there != was_there) printf("xinput %s\n", is_there ? "added" : "removed");
    was_there = is_there;
    if (!is_there) return;
    if (now.Gamepad.wButtons != before.Gamepad.wButtons) {
        printf("xinput buttons %04x\n", now.Gamepad.wButtons);
        int is_pressed = now.Gamepad.wButtons & XINPUT_GAMEPAD_A;
        if (is_pressed != (before.Gamepad.wButtons & XINPUT_GAMEPAD_A)) {
            XINPUT_VIBRATION motors = {is_pressed ? 0xffff : 0, is_pressed ? 0x8000 : 0};
            printf("xinput rumble %lu\n", set(0, &motors));
        }
    }
    if (now.Gamepad.sThumbLX != before.Gamepad.sThumbLX) printf("xinput x %d\n", now.Gamepad.sThumbLX);
    if (now.Gamepad.bRightTrigger != before.Gamepad.bRightTrigger) printf("xinput trigger %d\n", now.Gamepad.bRightTrigger);
    before = now;
}

static void look_at_joystick(void) {
    static DWORD before;
    static int was_there;
    JOYINFOEX info = {.dwSize = sizeof info, .dwFlags = JOY_RETURNALL};
    if (joyGetPosEx(JOYSTICKID1, &info) != JOYERR_NOERROR) return;
    if (!was_there) printf("joy added\n");
    was_there = 1;
    if (info.dwButtons != before) printf("joy buttons %lx\n", info.dwButtons);
    before = info.dwButtons;
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    HMODULE library = LoadLibraryA("xinput1_3.dll");
    get_state get = (get_state)(void *)GetProcAddress(library, "XInputGetState");
    set_state set = (set_state)(void *)GetProcAddress(library, "XInputSetState");
    /* Wine gives the state to whoever has the focus. */
    HWND window = CreateWindowA("STATIC", "pads", WS_OVERLAPPEDWINDOW | WS_VISIBLE, 0, 0, 320, 240, NULL, NULL, NULL, NULL);
    SetForegroundWindow(window);
    printf("ready\n");
    for (DWORD turn = 0;; turn++) {
        MSG message;
        while (PeekMessageA(&message, NULL, 0, 0, PM_REMOVE)) DispatchMessageA(&message);
        look_at_xinput(get, set);
        if (turn % 10 == 0) look_at_joystick();
        Sleep(20);
    }
}
