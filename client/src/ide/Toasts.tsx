import { X } from "lucide-react";
import { dismiss, useUi } from "../store/ui";
import { t } from "../strings";

export function Toasts() {
  const toasts = useUi((s) => s.toasts);
  const announcement = useUi((s) => s.announcement);
  return (
    <>
      <div className="offscreen" role="status" aria-live="polite">
        {announcement}
      </div>
      {toasts.length > 0 && (
        <section className="toasts" aria-label={t.notifications}>
          {toasts.map((toast) => (
            <div key={toast.id} className={`toast ${toast.tone}`}>
              <span>{toast.text}</span>
              {toast.action && (
                <button
                  type="button"
                  className="small"
                  onClick={() => {
                    toast.action?.run();
                    dismiss(toast.id);
                  }}
                >
                  {toast.action.label}
                </button>
              )}
              <button type="button" className="icon" aria-label={t.dismiss} onClick={() => dismiss(toast.id)}>
                <X size={14} aria-hidden />
              </button>
            </div>
          ))}
        </section>
      )}
    </>
  );
}
