/* Between the Windows program's two files. */

/* windows.c: a window that shows at once; one that is drawn into paints nothing by itself. */
HWND open_window(DWORD style, int width, int height);
extern int is_drawing;

/* drawing.c: the program's exit code; with `goes_on` when its window has been closed. */
int play_gl(int goes_on);
int play_d3d9(int goes_on);
int play_d3d11(int goes_on);
int open_d3d12(void);
