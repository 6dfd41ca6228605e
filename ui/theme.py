"""How the page looks where ui/static/*.css does not say it: Gradio's own parts."""

from __future__ import annotations

import gradio as gr


def theme() -> gr.themes.Base:
    """Calm, with the fonts of the system: nothing is loaded from elsewhere."""
    system = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    soft = gr.themes.Soft(
        primary_hue="teal", neutral_hue="slate", font=system, font_mono=["ui-monospace", "Menlo", "monospace"]
    )
    # The theme's own teal is too light to be read on or against white.
    dark_teal, darker_teal = "#0f766e", "#115e59"
    return soft.set(
        button_primary_background_fill=dark_teal,
        button_primary_background_fill_dark=dark_teal,
        button_primary_background_fill_hover=darker_teal,
        button_primary_background_fill_hover_dark=darker_teal,
        checkbox_label_background_fill_selected=dark_teal,
        checkbox_label_background_fill_selected_dark=dark_teal,
        color_accent=dark_teal,
        body_text_color_subdued="#526077",
        body_text_color_subdued_dark="#a3b1c6",
        block_info_text_color="#526077",
        block_info_text_color_dark="#a3b1c6",
    )
