//! The fixed words in further languages of Europe, and in those of the Near and Far East.
//!
//! A name inside of a sentence that runs from right to left is isolated (U+2068, U+2069), so that it keeps its own
//! direction. Not in what becomes a subject: there such characters have no business.

/// The columns of [`TABLE`].
pub(super) const LANGUAGES: [&str; 10] = ["fi", "it", "pt", "pl", "ar", "he", "ja", "zh", "zh-Hant", "ko"];

/// `{}` is where a value goes.
#[rustfmt::skip]
pub(super) const TABLE: &[(&str, [&str; LANGUAGES.len()])] = &[
    ("embargoed", ["EMBARGO, vapaa julkaistavaksi {}", "EMBARGO fino al {}", "SOB EMBARGO até {}", "EMBARGO do {}", "محظور النشر حتى {}", "אמברגו עד {}", "{}まで公表禁止", "{} 前禁止发布", "{} 前禁止發布", "엠바고 {}까지"]),
    ("embargoed-note", ["Ei saa julkaista, lähettää eikä jakaa ennen tätä ajankohtaa.", "Da non pubblicare, trasmettere né condividere prima di quell’ora.", "Não publicar, transmitir nem partilhar antes dessa hora.", "Nie publikować, nie emitować i nie udostępniać przed tym terminem.", "لا يجوز النشر أو البث أو المشاركة قبل هذا الموعد.", "אין לפרסם, לשדר או לשתף לפני מועד זה.", "この日時より前の掲載、放送、投稿はお控えください。", "请勿在此时间之前刊登、播出或转发。", "請勿在此時間之前刊登、播出或轉發。", "이 시각 이전에는 보도, 방송, 게시할 수 없습니다."]),
    ("test", ["TESTI", "PROVA", "TESTE", "TEST", "تجربة", "בדיקה", "テスト", "测试", "測試", "테스트"]),
    ("test-note", ["Tämä kappale on testi. Kukaan muu ei ole saanut sitä.", "Questa copia è una prova. Nessun altro l’ha ricevuta.", "Esta cópia é um teste. Mais ninguém a recebeu.", "Ten egzemplarz to test. Nikt inny go nie otrzymał.", "هذه النسخة للتجربة، ولم تُرسل إلى أي شخص آخر.", "זהו עותק לבדיקה. הוא לא נשלח לאף אחד אחר.", "これはテスト配信です。ほかの方には送信されていません。", "这是测试邮件，没有发送给其他人。", "這是測試郵件，沒有寄給其他人。", "시험용 메일입니다. 다른 사람에게는 보내지 않았습니다."]),
    ("correction", ["Oikaisu", "Rettifica", "Correção", "Sprostowanie", "تصحيح", "תיקון", "訂正", "更正", "更正", "정정"]),
    ("correction-note", ["Alla oleva teksti on korjattu. Käyttäkää sitä aiemman sijasta.", "Il testo qui sotto è corretto. Si prega di usarlo al posto del precedente.", "O texto abaixo está corrigido. Use-o em vez do anterior.", "Poniższy tekst jest poprawiony. Prosimy używać go zamiast wcześniejszego.", "النص أدناه مصحَّح، ويُرجى استخدامه بدلًا من النص السابق.", "הנוסח שלהלן מתוקן. נא להשתמש בו במקום הנוסח הקודם.", "以下が訂正後の本文です。前回の本文に代えてお使いください。", "以下为更正后的文本，请以此代替之前的版本。", "以下為更正後的文本，請以此取代先前的版本。", "아래는 정정된 본문입니다. 이전 본문 대신 사용해 주십시오."]),
    ("hold", ["Älkää käyttäkö", "Non utilizzare", "Não utilizar", "Nie używać", "يُرجى عدم الاستخدام", "אין להשתמש", "使用をお控えください", "请勿使用", "請勿使用", "사용 중지"]),
    ("hold-note", ["Tarkistamme tätä tiedotetta. Älkää käyttäkö sitä, ennen kuin palaamme asiaan.", "Stiamo verificando questo comunicato. Si prega di non utilizzarlo fino a nostra comunicazione.", "Estamos a verificar este comunicado. Não o utilize até receber notícias nossas.", "Sprawdzamy ten komunikat. Prosimy go nie używać, dopóki się nie odezwiemy.", "نراجع هذا البيان حاليًا. يُرجى عدم استخدامه إلى حين إبلاغكم.", "אנו בודקים הודעה זו. נא לא להשתמש בה עד להודעה מאיתנו.", "このリリースの内容を確認しています。改めてお知らせするまで使用をお控えください。", "我们正在核实本新闻稿。在另行通知之前，请勿使用。", "我們正在查證本新聞稿。在另行通知之前，請勿使用。", "이 보도자료를 확인하고 있습니다. 다시 알려 드릴 때까지 사용하지 마십시오."]),
    ("kill", ["Peruttu", "Ritirato", "Retirado", "Wycofane", "مسحوب", "בוטל", "取り下げ", "撤回", "撤回", "철회"]),
    ("kill-note", ["Olemme peruneet tämän tiedotteen. Älkää käyttäkö sitä, ja poistakaa siitä julkaistut tekstit.", "Abbiamo ritirato questo comunicato. Si prega di non utilizzarlo e di rimuovere quanto ne è stato pubblicato.", "Retirámos este comunicado. Não o utilize e remova o que dele tenha publicado.", "Wycofaliśmy ten komunikat. Prosimy go nie używać i usunąć to, co na jego podstawie opublikowano.", "سحبنا هذا البيان. يُرجى عدم استخدامه وحذف ما نُشر منه.", "ביטלנו הודעה זו. נא לא להשתמש בה ולהסיר את מה שפורסם ממנה.", "このリリースを取り下げました。使用をお控えのうえ、掲載済みの内容は削除してください。", "我们已撤回本新闻稿。请勿使用，并删除据此发布的内容。", "我們已撤回本新聞稿。請勿使用，並刪除據此發布的內容。", "이 보도자료를 철회했습니다. 사용하지 마시고, 이를 바탕으로 게시한 내용은 삭제해 주십시오."]),
    ("press-contacts", ["Yhteystiedot medialle", "Contatti per la stampa", "Contactos para a imprensa", "Kontakt dla mediów", "للتواصل الإعلامي", "אנשי קשר לתקשורת", "報道関係のお問い合わせ", "媒体联系人", "媒體聯絡人", "언론 문의"]),
    ("read-online", ["Lue mediahuoneessa", "Leggi nella sala stampa", "Ler na sala de imprensa", "Czytaj w biurze prasowym", "اقرأه في المركز الإعلامي", "לקריאה בחדר החדשות", "ニュースルームで読む", "在新闻中心阅读", "在新聞中心閱讀", "뉴스룸에서 보기"]),
    ("read-more", ["Lue lisää", "Continua a leggere", "Ler mais", "Czytaj dalej", "اقرأ المزيد", "להמשך קריאה", "続きを読む", "阅读全文", "閱讀全文", "더 보기"]),
    ("pictures-online", ["Kuvat täydessä koossa ovat mediahuoneessa.", "Le immagini a piena risoluzione sono nella sala stampa.", "As imagens em tamanho original estão na sala de imprensa.", "Zdjęcia w pełnym rozmiarze są w biurze prasowym.", "الصور بالحجم الكامل متاحة في المركز الإعلامي.", "התמונות בגודל מלא נמצאות בחדר החדשות.", "原寸の画像はニュースルームにあります。", "原尺寸图片请见新闻中心。", "原尺寸圖片請見新聞中心。", "원본 크기의 사진은 뉴스룸에 있습니다."]),
    ("unsubscribe", ["Lopeta tilaus", "Annulla l’iscrizione", "Cancelar a subscrição", "Wypisz się", "إلغاء الاشتراك", "הסרה מהרשימה", "配信を停止する", "退订", "取消訂閱", "수신 거부"]),
    ("why", ["Lähetetty osoitteeseen {}, koska olet listallamme ”{list}”.", "Inviato a {} perché presente nella nostra lista «{list}».", "Enviado a {} porque consta da nossa lista “{list}”.", "Wysłano do {}, bo figuruje na naszej liście „{list}”.", "أُرسلت إلى \u{2068}{}\u{2069} لأنك على قائمتنا «\u{2068}{list}\u{2069}».", "נשלח אל \u{2068}{}\u{2069} משום שנכללת ברשימה שלנו ”\u{2068}{list}\u{2069}”.", "{} 様は配信先「{list}」に登録されているため、このメールをお送りしています。", "发送给 {}，因为您在我们的名单“{list}”中。", "寄給 {}，因為您在我們的名單「{list}」中。", "{} 님이 수신자 목록 ‘{list}’에 있어 보내 드립니다."]),
    ("when", ["Milloin", "Quando", "Quando", "Kiedy", "الموعد", "מתי", "日時", "时间", "時間", "일시"]),
    ("where", ["Missä", "Dove", "Onde", "Gdzie", "المكان", "היכן", "場所", "地点", "地點", "장소"]),
    ("register", ["Ilmoittautuminen", "Iscrizione", "Inscrição", "Rejestracja", "التسجيل", "הרשמה", "申し込み", "报名", "報名", "신청"]),
    ("media", ["Kuvat ja tallenteet", "Immagini e registrazioni", "Imagens e gravações", "Zdjęcia i nagrania", "صور وتسجيلات", "תמונות והקלטות", "画像と音声", "图片与录音", "圖片與錄音", "사진과 녹음"]),
    ("download", ["Lataa", "Scarica", "Descarregar", "Pobierz", "تنزيل", "הורדה", "ダウンロード", "下载", "下載", "내려받기"]),
    ("press-kit", ["Lataa lehdistöpaketti: teksti ja kuvat", "Scarica il press kit: testo e immagini", "Descarregar o press kit: texto e imagens", "Pobierz pakiet prasowy: tekst i zdjęcia", "تنزيل الملف الصحفي: النص والصور", "הורדת ערכת העיתונות: טקסט ותמונות", "プレスキットをダウンロード（本文と画像）", "下载媒体资料包：文本和图片", "下載媒體資料包：文字和圖片", "보도 자료 묶음 내려받기: 본문과 사진"]),
    ("all-news", ["Kaikki uutiset", "Tutte le notizie", "Todas as notícias", "Wszystkie wiadomości", "كل الأخبار", "כל החדשות", "すべてのニュース", "全部新闻", "全部新聞", "모든 소식"]),
    ("skip", ["Siirry tekstiin", "Vai al testo", "Ir para o texto", "Przejdź do tekstu", "الانتقال إلى النص", "דילוג אל הטקסט", "本文へ", "跳至正文", "跳至正文", "본문으로 건너뛰기"]),
    ("languages", ["Muilla kielillä", "In altre lingue", "Noutras línguas", "W innych językach", "بلغات أخرى", "בשפות אחרות", "ほかの言語", "其他语言", "其他語言", "다른 언어로"]),
    ("topics", ["Aiheet", "Argomenti", "Temas", "Tematy", "المواضيع", "נושאים", "トピック", "主题", "主題", "주제"]),
    ("links", ["Linkit", "Link", "Ligações", "Odnośniki", "الروابط", "קישורים", "リンク", "链接", "連結", "링크"]),
    ("digest-subject", ["Uutisia: {}, {date}", "Notizie da {}, {date}", "Notícias de {}, {date}", "Wiadomości: {}, {date}", "أخبار {}، {date}", "חדשות {}, {date}", "{}のニュース、{date}", "{}新闻，{date}", "{}新聞，{date}", "{} 소식, {date}"]),
    ("digest-intro", ["Mitä olemme julkaisseet edellisen koosteen jälkeen.", "Che cosa abbiamo pubblicato dall’ultima rassegna.", "O que publicámos desde o último resumo.", "Co opublikowaliśmy od ostatniego przeglądu.", "ما نشرناه منذ موجزنا الأخير.", "מה פרסמנו מאז הסיכום הקודם.", "前回のまとめ以降に発表した内容です。", "自上次汇总以来我们发布的内容。", "自上次彙整以來我們發布的內容。", "지난 소식지 이후 발표한 내용입니다."]),
    ("attachments", ["Liitteet", "Allegati", "Anexos", "Załączniki", "المرفقات", "קבצים מצורפים", "添付ファイル", "附件", "附件", "첨부 파일"]),
    ("calendar", ["Kalenterimerkintä on liitteenä.", "L’evento di calendario è allegato.", "O evento de calendário segue em anexo.", "Wpis do kalendarza jest w załączniku.", "موعد التقويم مرفق.", "הזימון ליומן מצורף.", "カレンダーの予定を添付しています。", "日历活动见附件。", "行事曆活動見附件。", "일정 파일을 첨부했습니다."]),
    ("no-news", ["Ei vielä mitään.", "Ancora niente.", "Ainda nada.", "Jeszcze nic tu nie ma.", "لا شيء هنا بعد.", "עדיין אין כאן דבר.", "まだ何もありません。", "暂无内容。", "暫無內容。", "아직 소식이 없습니다."]),
];
